"""Two of our servers over a Redis Cluster: a channel is on the node that has its slot, and moves with it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from rtserver.cluster.redis.forms import Mode
from tests.contract.conftest import received

from .harness.pair import Pair
from .harness.redis_cluster import RedisClusterServers

ROOMS = [f"room-{number}" for number in range(12)]
"""Enough of them that each node has some."""
MAIN = "socket.io#/#"


@pytest.mark.parametrize("mode", ["sharded", "pubsub", "streams"])
async def test_all_that_servers_say_to_each_other(tmp_path: Path, mode: Mode) -> None:
    async with RedisClusterServers(tmp_path) as cluster, Pair(cluster.url, ROOMS, mode=mode) as pair:
        for number, room in enumerate(ROOMS):
            await pair.first.emit("event", number, room=room)
        sent = await received(pair.client, len(ROOMS))
        assert sorted(map(str, sent)) == sorted(f'42["event",{number}]' for number in range(len(ROOMS)))
        await pair.ask()
        asked = asyncio.ensure_future(pair.first.to("room-1").timeout(5).emit_with_ack("question"))
        assert await received(pair.client) == ['421["question"]']
        pair.client.receive('31["yes"]')
        assert list(await asked) == ["yes"]
        for manager in pair.managers:
            status = manager.status()
            assert (status.connected, status.refused, status.dropped, status.violations) == (True, 0, 0, 0)


async def test_channels_whose_slots_move_are_found_again(tmp_path: Path) -> None:
    async with (
        RedisClusterServers(tmp_path) as cluster,
        Pair(cluster.url, ROOMS, mode="sharded") as pair,
    ):
        for channel, room in ((MAIN, None), (f"{MAIN}room-3#", "room-3")):
            await cluster.move(channel, to=(await cluster.owner(channel) + 1) % 3)
            await pair.arrives(room)
        await pair.ask()
        status = pair.managers[0].status()
        assert (status.refused, status.dropped) == (0, 0)


async def test_a_stream_is_found_again_where_a_replica_has_it(tmp_path: Path) -> None:
    async with RedisClusterServers(tmp_path, replicas=1) as cluster:
        number = 0
        while await cluster.owner(f"stream-{number}") != 0:
            number += 1
        async with Pair(cluster.url, mode="streams", key=f"stream-{number}") as pair:
            await pair.arrives()
            await cluster.nodes[0].kill()
            await pair.arrives()
            await pair.ask()
            assert pair.managers[1].status().refused == 0


async def test_a_replica_takes_the_place_of_a_node_that_dies(tmp_path: Path) -> None:
    async with (
        RedisClusterServers(tmp_path, replicas=1) as cluster,
        Pair(cluster.url, ROOMS, mode="sharded") as pair,
    ):
        await cluster.nodes[0].kill()
        for room in (None, *ROOMS):
            await pair.arrives(room)
        await pair.ask()


async def test_a_cluster_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    async with RedisClusterServers(tmp_path) as cluster:
        for node in cluster.nodes:
            await node.kill()
        async with Pair(cluster.url, ROOMS, mode="sharded") as pair:
            assert not pair.managers[0].status().connected
            for node in cluster.nodes:
                await node.restart()
            for room in (None, *ROOMS):
                await pair.arrives(room)
            await pair.ask()
