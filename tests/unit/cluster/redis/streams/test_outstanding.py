from __future__ import annotations

from rtserver.cluster.message import Kind
from rtserver.cluster.redis.streams.entries import Entry
from rtserver.cluster.redis.streams.outstanding import Outstanding


def entry(seq: int, size: int = 10) -> Entry:
    return Entry("u", "/", Kind.BROADCAST, b"x" * size, seq)


def numbers(entries: object) -> list[int | None]:
    assert isinstance(entries, (list, tuple))
    return [each.seq for each in entries]


def test_events_wait_until_they_are_read_back() -> None:
    outstanding = Outstanding(1000)
    for seq in (1, 2, 3):
        outstanding.add(entry(seq))
    assert (outstanding.oldest, outstanding.ahead, len(outstanding)) == (1, 0, 3)
    assert numbers(outstanding.read_back(1)) == [1]
    assert numbers(outstanding.read_back(3)) == [2, 3]  # the second was lost
    assert (outstanding.oldest, len(outstanding)) == (None, 0)


def test_what_was_flushed_is_not_sent_again() -> None:
    outstanding = Outstanding(1000)
    for seq in (1, 2):
        outstanding.add(entry(seq))
    assert numbers(list(outstanding.flush())) == [1, 2]
    outstanding.add(entry(3))
    assert (outstanding.ahead, numbers(outstanding.early)) == (2, [1, 2])
    assert outstanding.read_back(1) == []
    assert outstanding.ahead == 2
    assert numbers(outstanding.read_back(3)) == [3]
    assert (outstanding.ahead, outstanding.early) == (0, ())


def test_while_events_are_flushed_no_other_flush_overtakes_them() -> None:
    outstanding = Outstanding(1000)
    for seq in (1, 2):
        outstanding.add(entry(seq))
    seen = []
    for each in outstanding.flush():
        seen += [each.seq, *(other.seq for other in outstanding.flush())]
    assert seen == [1, 2]


def test_what_is_kept_is_bounded() -> None:
    outstanding = Outstanding(25)
    for seq in range(1, 5):
        outstanding.add(entry(seq))
        list(outstanding.flush())
    assert (len(outstanding), outstanding.forgotten) == (2, 2)
    outstanding.read_back(2)
    assert outstanding.forgotten == 0
