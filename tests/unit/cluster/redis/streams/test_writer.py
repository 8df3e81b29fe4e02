from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from rtserver.cluster.redis.link import dial_of
from rtserver.cluster.redis.streams.writer import StreamWriter
from rtserver.ids import new_sid
from tests.support.engine import until


class Writing:
    """A writer of a list of its own."""

    def __init__(self, client: Redis) -> None:
        self.client = client
        self.key = f"list-{new_sid()}"
        self.asked: list[int] = []
        self.failures = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.writer = StreamWriter(dial_of(client), 1_000_000, self._doubts)

    async def _doubts(self, commands: Sequence[bytes]) -> Sequence[bytes]:
        self.asked.append(len(commands))
        await self.gate.wait()
        if self.failures:
            self.failures -= 1
            raise RedisConnectionError("away")
        there = set(await self.content())
        return [command for command in commands if command.split(b"\r\n")[-2] not in there]

    async def content(self) -> list[bytes]:
        there: Any = self.client.lrange(self.key, 0, -1)
        return list(await there)

    def send(self, *numbers: int) -> None:
        for number in numbers:
            self.writer.send(("RPUSH", self.key, f"{number}"))

    async def cut(self, *numbers: int) -> None:
        """Send numbers, and lose the connection when they have been written."""
        self.send(*numbers)
        await until(lambda: not self.writer._waiting)
        link = self.writer._line.link
        assert link is not None
        link.drop("a test")


@pytest.fixture
async def writing(shared_redis: str) -> AsyncIterator[Writing]:
    async with Redis.from_url(shared_redis) as client:
        writing = Writing(client)
        await writing.writer.start()
        yield writing
        await writing.writer.close(5)


async def test_each_command_is_carried_out_once_and_in_order(writing: Writing) -> None:
    for first in range(0, 15, 5):
        await writing.cut(*range(first, first + 5))
        await until(lambda: writing.writer.is_connected and not writing.writer._doubtful)
    writing.send(15)
    await until(lambda: not writing.writer.size)
    assert await writing.content() == [b"%d" % number for number in range(16)]
    assert writing.writer.unconfirmed == 0


async def test_what_is_sent_meanwhile_waits(writing: Writing) -> None:
    writing.gate.clear()
    await writing.cut(1)
    writing.send(2)
    await until(lambda: writing.asked == [1])
    await asyncio.sleep(0.05)
    assert b"2" not in await writing.content()
    writing.gate.set()
    await until(lambda: not writing.writer.size)
    assert await writing.content() == [b"1", b"2"]


async def test_redis_is_asked_until_it_answers(writing: Writing) -> None:
    writing.failures = 2
    await writing.cut(1)
    await until(lambda: not writing.writer.size)
    assert (writing.asked, await writing.content()) == ([1, 1, 1], [b"1"])


async def test_what_is_in_doubt_at_the_end_is_counted(writing: Writing) -> None:
    writing.gate.clear()
    await writing.cut(1)
    await until(lambda: writing.asked == [1])
    await writing.writer.close(0.01)
    assert writing.writer.unconfirmed == 1
