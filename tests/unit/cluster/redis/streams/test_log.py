from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from rtserver.cluster.message import Kind, Message
from rtserver.cluster.redis.streams import log as log_module
from rtserver.cluster.redis.streams.entries import Entry
from rtserver.cluster.redis.streams.log import StreamLog
from rtserver.cluster.redis.streams.offsets import START, Offset, StreamId
from tests.support.engine import until

DATA: dict[str, Any] = {"opts": {"rooms": [], "except": [], "flags": {}}, "packet": {"data": ["ev"]}}


def event(uid: str = "own") -> Message:
    return Message(uid, "/", Kind.BROADCAST, DATA)


class Held:
    """A log, and what it has delivered: the number and the offset of each event."""

    def __init__(self) -> None:
        self.log = StreamLog("own", 1000)
        self.delivered: list[tuple[int | None, str]] = []
        self.log.hold(lambda entry: self.delivered.append((entry.seq, str(self.log.offset))))

    def come_back(self, milliseconds: int, entry: Entry) -> None:
        self.log.position = StreamId(milliseconds, 0)
        assert not self.log.read(entry)


async def test_own_events_are_delivered_with_the_id_that_they_have() -> None:
    held = Held()
    first, second = held.log.add(event()), held.log.add(event())
    assert (first.seq, second.seq, held.delivered) == (1, 2, [])
    held.come_back(5, first)
    held.come_back(6, second)
    assert held.delivered == [(1, "5-0"), (2, "6-0")]
    held.log.close()


async def test_what_is_settled_has_an_offset_beyond_the_stream_until_it_is_back() -> None:
    held = Held()
    held.log.position = StreamId(3, 0)
    first = held.log.add(event())
    held.log.settle()
    held.log.settle()
    assert held.delivered == [(1, "3-0~own~1")]
    held.log.position = StreamId(4, 0)  # another server's
    assert held.log.offset == Offset(StreamId(4, 0), 1, "own")
    held.come_back(5, first)
    assert held.log.offset == Offset(StreamId(5, 0), 0, "own")
    assert len(held.delivered) == 1
    held.log.close()


async def test_nothing_is_held_that_is_no_event() -> None:
    held = Held()
    leave = held.log.add(event()._replace(kind=Kind.LEAVE))
    held.come_back(5, leave)
    assert (leave.seq, held.log.read_back, held.delivered) == (1, 1, [])


async def test_without_recovery_nothing_is_held() -> None:
    log = StreamLog("own", 1000)
    entry = log.add(event())
    log.settle()
    assert not log.read(entry)
    assert (log.sent, log.early) == (1, ())


async def test_redis_that_is_away_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "PATIENCE", 0.01)
    held = Held()
    first = held.log.add(event())
    await until(lambda: len(held.delivered) == 1)
    second = held.log.add(event())
    assert [seq for seq, _ in held.delivered] == [1, 2]  # at once
    held.come_back(5, first)
    held.come_back(6, second)
    third = held.log.add(event())
    assert len(held.delivered) == 2  # it is back
    held.come_back(7, third)
    assert held.delivered[2:] == [(3, "7-0")]
    held.log.close()


async def test_entries_of_others_are_taken_once(caplog: pytest.LogCaptureFixture) -> None:
    log = StreamLog("own", 1000)
    with caplog.at_level(logging.ERROR):
        taken = [log.read(Entry("other", "/", Kind.LEAVE, b"", seq)) for seq in (7, 8, 8, 7, 11, None, None)]
    assert taken == [True, True, False, False, True, True, True]
    assert (log.repeated, log.missing) == (2, 2)
    assert "server other has sent 2 messages that never came" in caplog.text


async def test_only_so_many_servers_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "MAX_PEERS", 2)
    log = StreamLog("own", 1000)
    for uid in ("a", "b", "c", "a"):
        assert log.read(Entry(uid, "/", Kind.LEAVE, b"", 1))


async def test_what_can_not_be_sent_has_no_number() -> None:
    log = StreamLog("own", 1000)
    with pytest.raises(TypeError):
        log.add(event()._replace(data={"packet": object()}))
    assert log.sent == 0
    assert log.marker == Offset(START, 0, "own")
    await asyncio.sleep(0)
