"""Servers that are joined by each kind of manager, for the one suite that all of them pass."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from rtserver.cluster.clustered import ClusterManager
from rtserver.cluster.memory import MemoryManager
from rtserver.cluster.redis.manager import RedisManager
from rtserver.cluster.workers.manager import WorkerManager
from rtserver.cluster.workers.place import Place
from rtserver.ids import new_sid
from tests.support.bus import Exchange, LoopBus
from tests.support.engine import until
from tests.unit.server.harness import FakeSession, Harness

OVER_REDIS: dict[str, dict[str, Any]] = {
    "pubsub": {"mode": "pubsub"},
    "sharded-dynamic": {"mode": "sharded"},
    "sharded-static": {"mode": "sharded", "subscription_mode": "static"},
    "sharded-dynamic-private": {"mode": "sharded", "subscription_mode": "dynamic-private"},
    "streams": {"mode": "streams"},
}
"""The options of managers that are joined by Redis."""

Join = Callable[..., Awaitable["Cluster"]]


class Cluster:
    """Two servers; the same one twice where the manager is for one server alone."""

    def __init__(self, first: Harness, second: Harness) -> None:
        self.first = first
        self.second = second

    @property
    def is_one(self) -> bool:
        """True when both are the same server."""
        return self.first is self.second

    @property
    def servers(self) -> tuple[Harness, ...]:
        """The servers, each once."""
        return (self.first,) if self.is_one else (self.first, self.second)


async def received(session: FakeSession, count: int = 1) -> list[str | bytes]:
    """Return what was sent to a client, once there is so much of it."""
    await until(lambda: len(session.sent) >= count)
    return session.take()


@pytest.fixture(params=["memory", "bus", "workers", *OVER_REDIS])
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of manager."""
    value: str = request.param
    return value


@pytest.fixture
async def join(kind: str, tmp_path: Path, shared_redis: str) -> AsyncIterator[Join]:
    """Make servers, with the settings that a test gives, and join them."""
    harnesses: list[Harness] = []

    async def make(**settings: Any) -> Cluster:
        if kind == "memory":
            alone = Harness(manager=MemoryManager(), **settings)
            harnesses.append(alone)
            await alone.sio.start()
            return Cluster(alone, alone)
        if kind in OVER_REDIS:
            return await join_over_redis(OVER_REDIS[kind], **settings)
        exchange = Exchange()
        for uid in ("1st-", "2nd-"):
            workers = kind == "workers"
            manager = (
                WorkerManager(Place(tmp_path, uid)) if workers else ClusterManager(LoopBus(exchange, uid))
            )
            harness = Harness(manager=manager, **settings)
            harnesses.append(harness)
            await harness.sio.start()
        return Cluster(*harnesses)

    async def join_over_redis(options: dict[str, Any], **settings: Any) -> Cluster:
        key = f"test-{new_sid()}"  # of this test alone
        for _ in range(2):
            harness = Harness(manager=RedisManager(shared_redis, key=key, **options), **settings)
            harnesses.append(harness)
            await harness.sio.start()
        return Cluster(*harnesses)

    yield make
    for harness in harnesses:
        await harness.sio.shutdown()
