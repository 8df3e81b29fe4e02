"""What every store does: the same tests for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from rtserver.ids import new_sid
from rtserver.service.api.idempotency.files import FileStore
from rtserver.service.api.idempotency.memory import MemoryStore
from rtserver.service.api.idempotency.record import Bounds, Outcome, Record, Store
from rtserver.service.api.idempotency.redis import RedisStore

RUNNING = Record("0a")
DONE = Record("0a", Outcome(200, b"{}"))
OTHER = Record("0b")

Make = Callable[[Bounds], Store]


@pytest.fixture(params=["memory", "files", "redis"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    if request.param == "memory":
        return lambda bounds: MemoryStore(bounds, asyncio.get_running_loop().time)
    if request.param == "files":
        return lambda bounds: FileStore(tmp_path / "answers", bounds)
    url: str = request.getfixturevalue("shared_redis")
    prefix = new_sid()
    return lambda bounds: RedisStore(url, prefix, bounds)


async def test_a_name_is_claimed_once(make: Make) -> None:
    store = make(Bounds())
    assert await store.claim("a", RUNNING) is None
    assert await store.claim("a", OTHER) == RUNNING
    assert await store.claim("b", OTHER) is None
    await store.keep("a", DONE)
    assert await store.claim("a", OTHER) == DONE
    assert await store.claim("b", RUNNING) == OTHER
    await store.close()


async def test_a_name_that_was_released_can_be_claimed(make: Make) -> None:
    store = make(Bounds())
    assert await store.claim("a", RUNNING) is None
    await store.release("a")
    assert await store.claim("a", OTHER) is None
    await store.close()


async def test_one_of_many_gets_it(make: Make) -> None:
    store = make(Bounds())
    found = await asyncio.gather(*(store.claim("a", RUNNING) for _ in range(20)))
    assert found.count(None) == 1
    await store.close()


async def test_an_outcome_is_forgotten_after_its_lifetime(make: Make) -> None:
    store = make(Bounds(lifetime=0.01))
    assert await store.claim("a", RUNNING) is None
    await store.keep("a", DONE)
    await asyncio.sleep(0.05)
    assert await store.claim("a", RUNNING) is None
    await store.close()
