"""A line to Redis is made again, whatever goes wrong with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from unittest.mock import AsyncMock, Mock, patch

import pytest
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError

from rtserver.cluster.redis import line as module
from rtserver.cluster.redis.line import Line
from rtserver.cluster.redis.link import Link, connected, dial_of
from tests.support.engine import until


class Owner:
    """Has a line to a Redis, and what goes wrong with it."""

    def __init__(self, client: Redis) -> None:
        self._dial = dial_of(client)
        self.faults: list[Exception] = []
        self.opening_faults: list[Exception] = []
        self.opened = 0
        self.reasons: list[str] = []
        self.line = Line(
            self.dial, "a test", received=lambda reply: None, opened=self.open, closed=self.reasons.append
        )

    async def dial(self) -> AbstractConnection:
        if self.faults:
            raise self.faults.pop()
        return await self._dial()

    def open(self, link: Link) -> None:
        self.opened += 1
        if self.opening_faults:
            raise self.opening_faults.pop()


@pytest.fixture
async def owner(shared_redis: str) -> AsyncIterator[Owner]:
    async with Redis.from_url(shared_redis) as client:
        owner = Owner(client)
        await owner.line.start()
        yield owner
        await owner.line.close()


def lose(owner: Owner) -> None:
    assert owner.line.link is not None
    owner.line.link.drop("a test")


async def test_it_connects_again_whatever_goes_wrong(owner: Owner, caplog: pytest.LogCaptureFixture) -> None:
    owner.faults = [RedisConnectionError("away"), RuntimeError("what nobody expects")]
    lose(owner)
    await until(lambda: owner.line.reconnects == 1)
    assert owner.opened == 2
    assert "RuntimeError: what nobody expects" in caplog.text


async def test_a_connection_that_can_not_be_used_is_made_again(owner: Owner) -> None:
    owner.opening_faults = [ValueError("what nobody expects")]
    lose(owner)
    await until(lambda: owner.opened == 3)
    assert owner.reasons == ["a test", "it could not be used"]


async def test_a_connection_that_can_not_be_taken_over_is_made_again(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_over = Mock(side_effect=AttributeError("it has ended"))
    with monkeypatch.context() as patched:
        patched.setattr(module, "take_over", take_over)
        lose(owner)
        await until(lambda: take_over.call_count > 0)
    await until(lambda: owner.line.reconnects == 1)


async def test_what_uvloop_raises_is_a_connection_error() -> None:
    connection = AsyncMock(connect=AsyncMock(side_effect=RuntimeError("closed transport")))
    with pytest.raises(RedisConnectionError, match="the connection has ended: closed transport"):
        await connected(connection)
    connection.disconnect.assert_awaited_once_with(nowait=True)


async def test_it_ends_though_nobody_says_that_the_connection_has(
    shared_redis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FAREWELL", 0.01)
    async with Redis.from_url(shared_redis) as client:
        owner = Owner(client)
        await owner.line.start()
        link = owner.line.link
        assert link is not None
        with patch.object(Link, "connection_lost"):
            async with asyncio.timeout(10):
                await owner.line.close()
