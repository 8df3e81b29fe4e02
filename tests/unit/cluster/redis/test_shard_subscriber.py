from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from rtserver.cluster.redis.shard_subscriber import ShardSubscriber
from rtserver.cluster.redis.subscriber import Heartbeat, Subscription
from rtserver.cluster.redis.topology import Topology
from tests.support.engine import until
from tests.unit.cluster.redis.nodes import Nodes

SHARD = Subscription.SHARD


class Hearer:
    """A subscriber, and what it hears."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self.heard: list[tuple[bytes, bytes]] = []
        self.subscriber = ShardSubscriber(cast(Topology, nodes), self._heartbeat)

    def _heartbeat(self, node: str) -> Heartbeat:
        async def publish(body: bytes) -> Any:
            return await self.nodes.client(node).publish(f"beat {node}", body)

        return Heartbeat(f"beat {node}", publish, interval=0.02)

    def subscribe(self, *channels: str) -> None:
        for channel in channels:
            self.subscriber.subscribe(SHARD, channel, lambda name, body: self.heard.append((name, body)))

    async def hears(self, channel: str, node: str) -> None:
        """Wait until something that is published on a node is heard."""
        body = f"{channel} on {node}".encode()
        while (channel.encode(), body) not in self.heard:
            await self.nodes.client(node).spublish(channel, body)
            await asyncio.sleep(0)
        self.heard.clear()

    async def listeners(self, channel: str, node: str) -> int:
        [(_, count)] = await self.nodes.client(node).pubsub_shardnumsub(channel)
        return int(count)


@pytest.fixture
async def hearer(nodes: Nodes) -> AsyncIterator[Hearer]:
    hearer = Hearer(nodes)
    nodes.places = {"one": "a", "two": "b"}
    hearer.subscribe("one", "two")
    await hearer.subscriber.start()
    yield hearer
    await hearer.subscriber.close()


async def test_each_channel_is_heard_on_its_node(hearer: Hearer) -> None:
    await hearer.hears("one", "a")
    await hearer.hears("two", "b")
    assert await hearer.listeners("one", "b") == await hearer.listeners("two", "a") == 0
    hearing = hearer.subscriber.hearing
    await until(lambda: hearing.lag is not None)
    assert (hearing.is_hearing, hearing.deaf_since) == (True, None)


async def test_a_channel_that_moves_is_heard_where_it_goes(hearer: Hearer, nodes: Nodes) -> None:
    nodes.change(one="b")
    await hearer.hears("one", "b")
    assert await hearer.listeners("one", "a") == 0
    nodes.nodes = {"b"}
    nodes.change()
    assert set(hearer.subscriber._subscribers) == {"b"}
    assert hearer.subscriber.reconnects == 1


async def test_a_channel_that_a_node_gives_away_is_looked_for(hearer: Hearer, nodes: Nodes) -> None:
    hearer.subscriber._lost(SHARD, b"one", "MOVED")
    assert nodes.doubts == 1
    nodes.change(one="b")
    await hearer.hears("one", "b")


async def test_a_channel_whose_node_is_not_known_yet_is_heard_later(hearer: Hearer, nodes: Nodes) -> None:
    hearer.subscribe("three")
    assert nodes.doubts > 0
    assert hearer.subscriber.confirmation("three") is None
    nodes.change(three="a")
    confirmation = hearer.subscriber.confirmation("three")
    assert confirmation is not None
    await confirmation
    assert hearer.subscriber.confirmation("three") is None
    await hearer.hears("three", "a")


async def test_what_is_not_wanted_any_more_is_not_subscribed_to(hearer: Hearer, nodes: Nodes) -> None:
    hearer.subscriber.unsubscribe(SHARD, "one")
    while await hearer.listeners("one", "a"):
        pass
    nodes.change(one="b")
    await hearer.hears("two", "b")
    assert await hearer.listeners("one", "b") == 0


async def test_it_is_deaf_while_a_node_is(hearer: Hearer, nodes: Nodes) -> None:
    nodes.dead.add("b")
    await nodes.client("b").client_kill_filter(_type="pubsub", skipme=True)
    hearing, loop = hearer.subscriber.hearing, asyncio.get_running_loop()
    await until(lambda: not hearing.is_hearing)
    assert hearing.deaf_since is not None
    assert hearing.deaf_since <= loop.time()
    await hearer.hears("one", "a")
    nodes.dead.clear()
    await until(lambda: hearing.is_hearing)
    assert hearing.deaf_seconds(loop.time()) > 0
    await hearer.hears("two", "b")


def test_without_a_node_it_is_deaf_from_the_beginning(nodes: Nodes) -> None:
    hearing = Hearer(nodes).subscriber.hearing
    hearing.begin(5.0)
    assert (hearing.is_hearing, hearing.deaf_since, hearing.since, hearing.lag) == (False, 5.0, 5.0, None)
    assert hearing.deaf_seconds(7.0) == 2.0


async def test_a_node_that_goes_at_the_start_does_not_keep_the_others_from_starting(nodes: Nodes) -> None:
    hearer = Hearer(nodes)
    nodes.places = {"one": "a", "two": "b"}
    hearer.subscribe("one", "two")
    starting = asyncio.ensure_future(hearer.subscriber.start())
    await until(lambda: bool(hearer.subscriber._members._starting))
    nodes.nodes = {"a"}
    nodes.change(two="a")
    await starting
    await hearer.hears("two", "a")
    await hearer.subscriber.close()
