from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rtserver.cluster.message import Kind, Message
from rtserver.cluster.redis.streams import replay as replay_module
from rtserver.cluster.redis.streams.entries import Entry, Fields, encode
from rtserver.cluster.redis.streams.log import StreamLog
from rtserver.cluster.redis.streams.offsets import Offset, StreamId
from rtserver.cluster.redis.streams.replay import Lost, Replay
from rtserver.cluster.redis.streams.session import Record

ROOM: dict[str, Any] = {"rooms": ["a"], "except": [], "flags": {}}
NODE = Record("sid", "pid", ("a",), {})
OURS = NODE._replace(
    namespace="/", begin=Offset(StreamId(2, 0), 0, "old"), left=Offset(StreamId(4, 0), 0, "old")
)


def event(name: str, uid: str = "other") -> Message:
    return Message(uid, "/", Kind.BROADCAST, {"opts": ROOM, "packet": {"type": 2, "data": [name]}})


class FakeStream:
    """A stream in memory."""

    def __init__(self) -> None:
        self.log = StreamLog("own", 1000)
        self.entries: list[tuple[StreamId, Fields]] = []
        self.first = 1
        self.asked = 0

    def add(self, *entries: Entry) -> None:
        for entry in entries:
            values = [value.encode() if isinstance(value, str) else value for value in entry.fields()]
            id = StreamId(len(self.entries) + 1, 0)
            self.entries.append((id, dict(zip(values[::2], values[1::2], strict=True))))

    def read_all(self) -> None:
        self.log.position = StreamId(len(self.entries), 0)

    async def after(self, id: StreamId, count: int) -> list[tuple[StreamId, Fields]]:
        self.asked += 1
        await asyncio.sleep(0)
        return [entry for entry in self.entries if entry[0] > id][:count]

    async def is_whole_after(self, id: StreamId) -> bool:
        return id >= StreamId(self.first, 0)


@pytest.fixture
def stream() -> FakeStream:
    stream = FakeStream()
    stream.add(*(encode(event(str(number))) for number in range(1, 7)))
    stream.read_all()
    return stream


async def replayed(
    stream: FakeStream, record: Record, claim: Offset | None, limit: int = 10_000, most: int = 100
) -> list[str]:
    replay = Replay(stream, record, "/", claim, limit)
    await replay.read(most)
    return [missed.args[0] for missed in replay.finish().missed]


async def test_from_the_offset_to_where_this_server_is(stream: FakeStream) -> None:
    assert await replayed(stream, NODE, Offset(StreamId(4, 0))) == ["5", "6"]
    stream.log.position = StreamId(5, 0)  # the sixth will be delivered as to anyone
    assert await replayed(stream, NODE, Offset(StreamId(4, 0))) == ["5"]


async def test_page_by_page(stream: FakeStream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_module, "PAGE", 2)
    assert await replayed(stream, NODE, Offset(StreamId(1, 0))) == ["2", "3", "4", "5", "6"]
    assert stream.asked == 3


async def test_without_an_offset_from_where_it_was_known_to_be(stream: FakeStream) -> None:
    assert await replayed(stream, OURS, None) == ["3", "4", "5", "6"]
    assert await replayed(stream, OURS, Offset(StreamId(1, 0))) == ["3", "4", "5", "6"]
    with pytest.raises(Lost, match="knows no offset"):
        Replay(stream, NODE, "/", None, 100)


async def test_what_comes_while_it_is_read(stream: FakeStream) -> None:
    replay = Replay(stream, NODE, "/", Offset(StreamId(5, 0)), 10_000)
    reading = asyncio.create_task(replay.read(100))
    await asyncio.sleep(0)
    stream.add(encode(event("7")))
    stream.read_all()
    await reading
    assert [missed.args[0] for missed in replay.finish().missed] == ["6", "7"]


async def test_a_client_that_is_ahead_of_this_server_is_not_sent_anything_twice(stream: FakeStream) -> None:
    stream.log.position = StreamId(3, 0)
    replay = Replay(stream, NODE, "/", Offset(StreamId(5, 0)), 10_000)
    reading = asyncio.create_task(replay.read(100))
    await asyncio.sleep(0.05)
    assert not reading.done()
    stream.log.position = StreamId(6, 0)
    await reading
    assert [missed.args[0] for missed in replay.finish().missed] == ["6"]


async def test_a_client_that_had_events_early_waits_until_they_are_in_the_stream(stream: FakeStream) -> None:
    replay = Replay(stream, OURS, "/", Offset(StreamId(6, 0), 1, "old"), 10_000)
    reading = asyncio.create_task(replay.read(100))
    await asyncio.sleep(0.05)
    assert not reading.done()
    stream.add(encode(event("early", "old"), 1), encode(event("missed", "old"), 2))
    await asyncio.sleep(0.05)
    assert not reading.done()  # this server would deliver the first
    stream.read_all()
    await reading
    assert [missed.args[0] for missed in replay.finish().missed] == ["missed"]


async def test_own_events_that_others_here_had_early(stream: FakeStream) -> None:
    stream.log.hold(lambda entry: None)
    stream.log.add(event("early", "own"))
    stream.log.settle()
    replay = Replay(stream, OURS, "/", None, 10_000)
    stream.log._outstanding.read_back(0)
    stream.log.read_back = 1  # what was sent before has come back
    await replay.read(100)
    missed = replay.finish().missed
    assert [(str(each.offset), each.args[0]) for each in missed[-2:]] == [
        ("6-0", "6"),
        ("6-0~own~1", "early"),
    ]
    stream.log.close()


async def test_what_was_done_here_is_in_the_stream_first(stream: FakeStream) -> None:
    disconnect = Message("own", "/", Kind.DISCONNECT, {"opts": {"rooms": ["sid"], "except": []}})
    entry = stream.log.add(disconnect)
    replay = Replay(stream, OURS, "/", None, 10_000)
    reading = asyncio.create_task(replay.read(100))
    await asyncio.sleep(0.05)
    assert not reading.done()
    stream.add(entry)
    with pytest.raises(Lost, match="disconnected"):
        await reading


async def test_when_it_is_a_new_client(stream: FakeStream) -> None:
    stream.first = 4
    with pytest.raises(Lost, match="not in the stream any more"):
        await replayed(stream, NODE, Offset(StreamId(3, 0)))
    stream.first = 1
    for limit, most in ((10, 100), (10_000, 3)):
        with pytest.raises(Lost, match="too much"):
            await replayed(stream, NODE, Offset(StreamId(1, 0)), limit, most)
    with pytest.raises(Lost, match="changed rooms too often"):
        Replay(stream, OURS._replace(floor=Offset(StreamId(3, 0))), "/", None, 100)
    stream.add(encode(event("1"), 1), encode(event("3"), 3))
    stream.read_all()
    with pytest.raises(Lost, match="missing"):
        await replayed(stream, NODE, Offset(StreamId(5, 0)))


async def test_entries_that_nobody_understands_are_left_out(stream: FakeStream) -> None:
    stream.add(Entry("other", "/", Kind.BROADCAST, b"{}"))
    stream.entries.append((StreamId(8, 0), {}))
    stream.read_all()
    assert await replayed(stream, NODE, Offset(StreamId(5, 0))) == ["6"]


async def test_it_looks_less_often_the_longer_it_takes(
    stream: FakeStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    pause = asyncio.sleep

    async def sleep(seconds: float) -> None:
        if seconds:
            pauses.append(seconds)
        if len(pauses) == 8:
            stream.read_all()
        await pause(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    stream.log.position = StreamId(3, 0)
    await Replay(stream, NODE, "/", Offset(StreamId(5, 0)), 10_000).read(100)
    assert pauses == [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.5, 0.5]
