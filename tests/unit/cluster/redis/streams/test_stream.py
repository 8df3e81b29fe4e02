"""Entries are written once and read once, whatever happens to the connections."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from rtserver.cluster.message import Kind, Message
from rtserver.cluster.redis.link import dial_of
from rtserver.cluster.redis.streams.entries import Entry
from rtserver.cluster.redis.streams.log import StreamLog
from rtserver.cluster.redis.streams.offsets import START, StreamId
from rtserver.cluster.redis.streams.stream import Stream, StreamOptions
from rtserver.errors import ClusterViolation
from rtserver.ids import new_sid
from tests.support.engine import until

DATA: dict[str, Any] = {"opts": {"rooms": [], "except": []}, "rooms": ["a"]}


class End:
    """One server's end of a stream, and the numbers of the entries of others that it has read."""

    def __init__(self, client: Redis, name: str, uid: str, max_length: int = 1000) -> None:
        self.seen: list[int | None] = []
        self.violations: list[ClusterViolation] = []
        self.stream = Stream(
            name,
            client,
            dial_of(client),
            StreamOptions(max_length, 1_000_000),
            log=StreamLog(uid, 1000),
            receive=self._receive,
            violated=lambda channel, violation: self.violations.append(violation),
        )

    def _receive(self, entry: Entry) -> None:
        self.seen.append(entry.seq)

    def send(self, count: int = 1) -> None:
        for _ in range(count):
            self.stream.send(Message(self.stream.log.uid, "/", Kind.LEAVE, DATA))


class Pair:
    """Two ends of one stream."""

    def __init__(self, client: Redis) -> None:
        self.client = client
        self.name = f"stream-{new_sid()}"
        self.one, self.two = End(client, self.name, "one"), End(client, self.name, "two")


@pytest.fixture
async def pair(shared_redis: str) -> AsyncIterator[Pair]:
    async with Redis.from_url(shared_redis) as client:
        pair = Pair(client)
        for end in (pair.one, pair.two):
            await end.stream.start()
            await end.stream.reader.started.wait()
        yield pair
        for end in (pair.one, pair.two):
            await end.stream.close(5)


async def test_what_one_sends_the_other_reads(pair: Pair) -> None:
    pair.one.send(3)
    await until(lambda: len(pair.two.seen) == 3)
    assert pair.two.seen == [1, 2, 3]
    assert pair.one.seen == []
    await until(lambda: pair.one.stream.log.position == pair.two.stream.log.position > START)


async def test_commands_that_were_under_way_are_sent_again_if_they_were_not_carried_out(pair: Pair) -> None:
    one, two = pair.one, pair.two
    one.send(2)
    await until(lambda: len(two.seen) == 2)
    link = one.stream.writer._line.link
    assert link is not None
    one.send(3)
    await until(lambda: not one.stream.writer._waiting)  # they are written
    link.drop("a test")  # whether Redis has read them or not
    one.send(3)
    await until(lambda: len(two.seen) == 8)
    assert two.seen == [*range(1, 9)]
    assert await pair.client.xlen(pair.name) == 8
    assert (one.stream.writer.unconfirmed, two.stream.log.repeated) == (0, 0)


async def test_those_that_were_carried_out_are_known_by_their_numbers(pair: Pair) -> None:
    one = pair.one
    one.send(2)
    await until(lambda: one.stream.log.read_back == 2)
    forged = await pair.client.xadd(pair.name, {"uid": "one", "nsp": "/", "type": "5", "seq": "x"})
    await until(lambda: str(one.stream.log.position).encode() == forged)
    commands = [b"*1\r\n$3\r\nseq\r\n$1\r\n%d\r\n" % number for number in range(1, 6)]
    one.stream.log.position, one.stream.log.read_back = START, 0
    assert await one.stream._not_written(commands) == commands[2:]


async def test_what_is_past(pair: Pair) -> None:
    stream = pair.one.stream
    assert await stream.is_whole_after(START)
    pair.one.send(3)
    await until(lambda: stream.log.read_back == 3)
    (first, fields), *others = await stream.after(START, 10)
    assert (fields[b"seq"], len(others)) == (b"1", 2)
    assert [id for id, _ in await stream.after(first, 1)] == [others[0][0]]
    assert await stream.is_whole_after(first)
    assert await stream.is_whole_after(START)
    await pair.client.xtrim(pair.name, maxlen=1, approximate=False)
    assert not await stream.is_whole_after(first)
    assert not await stream.is_whole_after(START)
    assert not await stream.is_whole_after(StreamId(first.milliseconds, first.number + 1))


async def test_an_entry_that_nobody_understands_is_counted_and_passed(pair: Pair) -> None:
    await pair.client.xadd(pair.name, {"uid": "x"})
    pair.one.send()
    await until(lambda: pair.two.seen == [1])
    assert len(pair.two.violations) == 1


async def test_the_stream_keeps_so_many_entries_about(pair: Pair) -> None:
    end = End(pair.client, pair.name, "three", max_length=50)
    await end.stream.start()
    for count in range(50, 550, 50):  # else some are trimmed before they are read
        end.send(50)
        await until(lambda count=count: len(pair.two.seen) == count)  # type: ignore[misc]
    assert await pair.client.xlen(pair.name) < 300
    await end.stream.close(5)
