from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from rtserver.cluster.message import Kind, Message
from rtserver.cluster.redis.streams.entries import Entry, encode
from rtserver.cluster.redis.streams.missed import Catch
from rtserver.cluster.redis.streams.offsets import START, Offset, StreamId
from rtserver.cluster.redis.streams.session import Move, Record
from rtserver.errors import ClusterViolation

OLD = "old-server"
NODE = Record("sid", "pid", ("a",), {})
"""A session that Node's server has kept."""
OURS = NODE._replace(
    namespace="/", begin=Offset(StreamId(1, 0), 0, OLD), left=Offset(StreamId(10, 0), 3, OLD)
)


def at(number: int) -> StreamId:
    return StreamId(number, 0)


def sent(
    args: Sequence[Any],
    to: Sequence[str] = (),
    *,
    uid: str = "other",
    seq: int | None = None,
    kind: Kind = Kind.BROADCAST,
    **more: Any,
) -> Entry:
    opts = {"rooms": list(to), "except": more.pop("but", []), "flags": more.pop("flags", {})}
    data: dict[str, Any] = {"opts": opts, **more}
    if kind is Kind.BROADCAST:
        data["packet"] = {"type": 2, "data": list(args)}
    return encode(Message(uid, more.pop("namespace", "/"), kind, data), seq)


START_AT = Offset(at(5))


def catch(
    record: Record, *entries: tuple[int, Entry], start: Offset = START_AT, claimed: bool = True
) -> Catch:
    made = Catch(record, "/", start, is_claimed=claimed)
    for number, entry in entries:
        made.take(at(number), entry)
    return made


def events(made: Catch) -> list[tuple[str, Any]]:
    return [(str(missed.offset), missed.args[0]) for _, missed in made.missed]


def test_events_of_its_rooms_of_everyone_and_its_own() -> None:
    made = catch(
        NODE,
        (11, sent(["everyone"])),
        (12, sent(["room"], ["a", "b"])),
        (13, sent(["own"], ["sid"])),
        (14, sent(["elsewhere"], ["b"])),
        (15, sent(["but"], but=["a"])),
        (16, sent(["volatile"], flags={"volatile": True})),
        (17, encode(Message("other", "/chat", Kind.BROADCAST, {"opts": {}, "packet": {"data": ["there"]}}))),
    )
    assert events(made) == [("11-0", "everyone"), ("12-0", "room"), ("13-0", "own")]


def test_what_was_done_to_it_when_it_was_away() -> None:
    leave = sent([], ["a"], kind=Kind.LEAVE, rooms=["a", "b"])
    made = catch(OURS, (11, sent(["before"], ["a"])), (12, leave), (13, sent(["after"], ["a"])))
    assert (events(made), made.rooms) == ([("11-0", "before")], ())
    assert made.moves == [Move(Offset(at(12), 0, "other"), "a", False)]
    assert catch(OURS, (11, sent([], ["a"], kind=Kind.DISCONNECT))).is_turned_out
    assert not catch(OURS, (11, sent([], ["b"], kind=Kind.DISCONNECT))).is_turned_out
    assert catch(OURS, (11, sent([], ["a"], kind=Kind.JOIN, rooms=["b"]))).rooms == ("a",)


def test_what_was_done_before_it_left_was_done_to_the_connection() -> None:
    leave = sent([], ["sid"], kind=Kind.LEAVE, rooms=["a"])
    assert catch(OURS, (10, leave)).rooms == ("a",)
    own = leave._replace(uid=OLD, seq=3)  # on its way when the client left
    assert catch(OURS, (11, own)).rooms == ("a",)
    assert catch(OURS, (11, own._replace(seq=4))).rooms == ()
    assert catch(NODE, (11, leave)).rooms == ("a",)  # nobody knows when it left


def test_rooms_count_as_they_were_when_an_event_was_sent() -> None:
    moves = [Move(Offset(at(7), 2, OLD), "a", True), Move(Offset(at(6), 1, OLD), "b", False)]
    record = OURS._replace(moves=moves)
    made = catch(
        record,
        (6, sent(["b"], ["b"])),
        (7, sent(["not yet in a"], ["a"])),
        (8, sent(["not in b any more"], ["b"])),
        (9, sent(["a"], ["a"])),
        # Those of its server counted when they were sent, not when they came to the stream.
        (20, sent(["own, b"], ["b"], uid=OLD, seq=1)),
        (21, sent(["own, before a"], ["a"], uid=OLD, seq=2)),
        (22, sent(["own, a"], ["a"], uid=OLD, seq=3)),
    )
    assert [name for _, name in events(made)] == ["b", "a", "own, b", "own, a"]


def test_what_it_has_been_sent_beyond_the_stream() -> None:
    start = Offset(at(5), 2, OLD)
    made = catch(OURS, (11, sent(["foreign"])), start=start)
    assert made.owes == OLD
    for number, seq in ((12, 1), (13, 2), (14, 3)):
        made.take(at(number), sent([f"own {seq}"], uid=OLD, seq=seq))
    assert made.known == at(13)
    assert catch(OURS, (12, sent(["own"], uid=OLD, seq=2)), start=start).owes is None
    # Until those are behind it, its offset has to name them, too.
    assert events(made) == [(f"11-0~{OLD}~2", "foreign"), ("14-0", "own 3")]
    assert catch(OURS, start=start, claimed=False).owes is None


def test_own_events_that_are_not_in_the_stream_yet() -> None:
    made = catch(OURS, start=Offset(at(5), 2, OLD))
    for seq in (2, 3):
        made.take_early(sent([f"own {seq}"], uid=OLD, seq=seq), Offset(at(9), seq, OLD))
    assert events(made) == [(f"9-0~{OLD}~3", "own 3")]


def test_entries_that_are_there_twice_and_some_that_are_missing() -> None:
    numbered = [
        (number, sent([f"{seq}"], seq=seq)) for number, seq in ((6, 7), (7, 8), (8, 8), (9, 7), (10, 9))
    ]
    made = catch(OURS, *numbered)
    assert ([name for _, name in events(made)], made.is_broken) == (["7", "8", "9"], False)
    assert catch(OURS, *numbered, (11, sent(["x"], seq=11))).is_broken
    assert catch(OURS, (6, sent(["x"], uid=OLD, seq=4)), start=Offset(at(5), 2, OLD)).is_broken


def test_what_can_not_be_understood() -> None:
    with pytest.raises(ClusterViolation):
        catch(OURS, (6, Entry("other", "/", Kind.BROADCAST, b"{}")))


def test_how_much_it_is() -> None:
    entry = sent(["x" * 1000])
    assert catch(NODE, (6, entry), (7, entry)).size == 2 * len(entry.data)
    assert catch(NODE, (6, sent(["x" * 1000], ["b"]))).size == 0
    assert at(1) > START
