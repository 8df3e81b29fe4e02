"""Two of our servers over a Redis Cluster: a channel is on the node that has its slot, and moves with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from rtserver import RedisManager
from rtserver.cluster.redis.forms import Mode
from tests.contract.conftest import received
from tests.support.engine import until
from tests.unit.server.harness import FakeSession, Harness

from .harness.redis_cluster import RedisClusterServers

ROOMS = [f"room-{number}" for number in range(12)]
"""Enough of them that each node has some."""
MAIN = "socket.io#/#"


def manager_of(harness: Harness) -> RedisManager:
    manager = harness.sio.manager
    assert isinstance(manager, RedisManager)
    return manager


class Joined:
    """Two servers, and a client on the second one that is in all rooms."""

    def __init__(self, harnesses: list[Harness], client: FakeSession) -> None:
        self.first, self.second = harnesses
        self.managers = [manager_of(harness) for harness in harnesses]
        self.client = client
        self._number = 0

    async def arrives(self, room: str | None) -> None:
        """Wait until something that the first server sends to a room has arrived at the client."""
        async with asyncio.timeout(20):
            while True:
                self._number += 1
                await self.first.sio.emit("event", self._number, room=room)
                try:
                    async with asyncio.timeout(0.2):
                        await until(lambda: f'42["event",{self._number}]' in self.client.sent)
                except TimeoutError:
                    continue
                return


async def join(url: str, stack: list[Harness], **options: Any) -> Joined:
    for _ in range(2):
        harness = Harness(manager=RedisManager(url, heartbeat_interval=0.2, heartbeat_timeout=0.5, **options))
        stack.append(harness)
        await harness.sio.start()
    client = stack[-1].session()
    sid = client.join()
    for room in ROOMS:
        await stack[-1].sio.enter_room(sid, room)
    return Joined(stack[-2:], client)


@pytest.fixture
async def servers() -> AsyncIterator[list[Harness]]:
    harnesses: list[Harness] = []
    yield harnesses
    for harness in harnesses:
        await harness.sio.shutdown()


@pytest.mark.parametrize("mode", ["sharded", "pubsub"])
async def test_all_that_servers_say_to_each_other(tmp_path: Path, servers: list[Harness], mode: Mode) -> None:
    async with RedisClusterServers(tmp_path) as cluster:
        joined = await join(cluster.url, servers, mode=mode)
        first, second = joined.first.sio, joined.second.sio
        for number, room in enumerate(ROOMS):
            await first.emit("event", number, room=room)
        sent = await received(joined.client, len(ROOMS))
        assert sorted(map(str, sent)) == sorted(f'42["event",{number}]' for number in range(len(ROOMS)))
        sockets = await first.fetch_sockets()
        assert (len(sockets), sockets.silent) == (1, ())
        second.on_server_event("question", lambda: "answer")
        answers = await first.server_side_emit_with_ack("question")
        assert (list(answers), answers.complete) == (["answer"], True)
        asked = asyncio.ensure_future(first.to("room-1").timeout(5).emit_with_ack("question"))
        assert await received(joined.client) == ['421["question"]']
        joined.client.receive('31["yes"]')
        assert list(await asked) == ["yes"]
        for manager in joined.managers:
            status = manager.status()
            assert (status.connected, status.refused, status.dropped, status.violations) == (True, 0, 0, 0)
        await asyncio.gather(*(harness.sio.shutdown() for harness in servers))


async def test_channels_whose_slots_move_are_found_again(tmp_path: Path, servers: list[Harness]) -> None:
    async with RedisClusterServers(tmp_path) as cluster:
        joined = await join(cluster.url, servers, mode="sharded")
        for channel, room in ((MAIN, None), (f"{MAIN}room-3#", "room-3")):
            await cluster.move(channel, to=(await cluster.owner(channel) + 1) % 3)
            await joined.arrives(room)
        sockets = await joined.first.sio.fetch_sockets()
        assert (len(sockets), sockets.silent) == (1, ())
        assert joined.managers[0].status().dropped == 0
        await asyncio.gather(*(harness.sio.shutdown() for harness in servers))


async def test_a_replica_takes_the_place_of_a_node_that_dies(tmp_path: Path, servers: list[Harness]) -> None:
    async with RedisClusterServers(tmp_path, replicas=1) as cluster:
        joined = await join(cluster.url, servers, mode="sharded")
        await cluster.nodes[0].kill()
        for room in (None, *ROOMS):
            await joined.arrives(room)
        await until(lambda: joined.managers[1].status().connected)
        sockets = await joined.first.sio.fetch_sockets()
        assert (len(sockets), sockets.silent) == (1, ())
        await asyncio.gather(*(harness.sio.shutdown() for harness in servers))
