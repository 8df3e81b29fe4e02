"""The Redis of the other tests: what it promises when it is killed, frozen and restarted."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as Unreachable

from .harness.redis import RedisServer


async def test_it_restarts_empty_at_the_same_address(redis_server: RedisServer) -> None:
    async with Redis.from_url(redis_server.url) as client:
        await client.set("key", "value")
        await redis_server.restart()
        async with Redis.from_url(redis_server.unix_url) as other:
            assert await other.get("key") is None
        await redis_server.kill()
        with pytest.raises(Unreachable):
            await client.ping()


async def test_it_answers_nothing_while_it_is_frozen(redis_server: RedisServer) -> None:
    async with Redis.from_url(redis_server.url) as client:
        await client.ping()
        redis_server.freeze()
        answer = asyncio.ensure_future(client.ping())
        done, _ = await asyncio.wait([answer], timeout=0.1)
        assert not done
        redis_server.resume()
        assert await answer
