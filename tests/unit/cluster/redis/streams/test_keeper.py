from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from rtserver.cluster.redis.streams.keeper import PREFIX, SessionKeeper
from rtserver.ids import new_sid
from tests.support.engine import until


@pytest.fixture
async def client(shared_redis: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(shared_redis) as client:
        yield client


async def test_a_session_is_kept_for_its_time_and_taken_once(client: Redis) -> None:
    keeper, pid = SessionKeeper(client, 60, 10), new_sid()
    keeper.save(pid, b"value")
    await keeper.written(pid)
    assert 59_000 < await client.pttl(PREFIX + pid) <= 60_000
    assert await keeper.peek(pid) == b"value"
    assert await keeper.take(pid) == b"value"
    assert await keeper.take(pid) is None
    await keeper.close(1)


async def test_a_session_is_taken_while_it_is_under_way(client: Redis) -> None:
    keeper, pid = SessionKeeper(client, 60, 10), new_sid()
    keeper.save(pid, b"value")
    assert await keeper.take(pid) == b"value"


async def test_an_update_replaces_what_is_there_only(client: Redis) -> None:
    keeper, pid = SessionKeeper(client, 60, 10), new_sid()
    keeper.save(pid, b"1")
    keeper.update(pid, b"2")
    assert await keeper.peek(pid) == b"2"
    keeper.update(pid, b"3")
    assert await keeper.take(pid) == b"3"
    keeper.update(pid, b"4")
    await keeper.written(pid)
    assert await keeper.peek(pid) is None


async def test_sessions_wait_for_redis_and_are_bounded(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = SessionKeeper(client, 60, 2)
    pids = [new_sid() for _ in range(3)]

    async def refuse(batch: object) -> None:
        raise RedisConnectionError("away")

    with monkeypatch.context() as patched:
        patched.setattr(keeper, "_write_batch", refuse)
        for pid in pids:
            keeper.save(pid, b"value")
        await asyncio.sleep(0.02)
        assert (len(keeper), keeper.dropped) == (2, 1)
    await until(lambda: not len(keeper))
    assert [await keeper.peek(pid) for pid in pids] == [None, b"value", b"value"]


async def test_what_waited_too_long_is_over(client: Redis) -> None:
    keeper, pid = SessionKeeper(client, 0.0001, 10), new_sid()
    keeper.save(pid, b"value")
    await keeper.written(pid)
    assert await keeper.peek(pid) is None


async def test_the_end_waits_for_what_is_under_way(client: Redis) -> None:
    keeper, pid = SessionKeeper(client, 60, 10), new_sid()
    keeper.save(pid, b"value")
    await keeper.close(5)
    assert await client.get(PREFIX + pid) == b"value"


async def test_after_the_end_nobody_waits_for_what_was_not_written(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper, pid = SessionKeeper(client, 60, 10), new_sid()

    async def refuse(batch: object) -> None:
        raise RedisConnectionError("away")

    monkeypatch.setattr(keeper, "_write_batch", refuse)
    keeper.save(pid, b"value")
    waiting = asyncio.create_task(keeper.written(pid))
    await keeper.close(0.01)
    assert len(keeper) == 1
    with pytest.raises(RedisConnectionError, match="the session isn't in Redis"):
        await waiting
    with pytest.raises(RedisConnectionError, match="the session isn't in Redis"):
        await keeper.take(pid)
