from __future__ import annotations

import pytest
from redis.asyncio import Redis

from rtserver.errors import ApiError
from rtserver.ids import new_sid
from rtserver.service.api.idempotency.record import HOLD, Bounds, Outcome, Record
from rtserver.service.api.idempotency.redis import RedisStore


async def test_redis_forgets_by_itself(shared_redis: str) -> None:
    prefix = new_sid()
    store = RedisStore(shared_redis, prefix, Bounds(lifetime=50))
    async with Redis.from_url(shared_redis) as client:
        await store.claim("a", Record("0a"))
        (key,) = [each async for each in client.scan_iter(f"{prefix}*")]
        assert key.decode() == f"{prefix}#api#a"
        assert HOLD * 1000 - 30_000 < await client.pttl(key) <= HOLD * 1000
        await store.keep("a", Record("0a", Outcome(200, b"{}")))
        assert 20_000 < await client.pttl(key) <= 50_000
        await store.release("a")
        assert not await client.exists(key)
    await store.close()


async def test_redis_is_away() -> None:
    store = RedisStore("redis://127.0.0.1:1", "x", Bounds())
    with pytest.raises(ApiError) as caught:
        await store.claim("a", Record("0a"))
    assert (caught.value.status, caught.value.code) == (503, "busy")
    assert "nothing was done" in str(caught.value)
    await store.close()
