from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, cast

import pytest
from redis.exceptions import ResponseError

from rtserver.cluster.redis import shard_publisher as module
from rtserver.cluster.redis.link import pack_command
from rtserver.cluster.redis.shard_publisher import ShardPublisher
from rtserver.cluster.redis.topology import Topology
from tests.support.engine import until
from tests.unit.cluster.redis.nodes import Nodes


class Heard:
    """What both nodes are sent."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._stack = AsyncExitStack()
        self._pubsubs: dict[str, Any] = {}

    async def __aenter__(self) -> Heard:
        for node in sorted(self._nodes.nodes):
            pubsub = await self._stack.enter_async_context(self._nodes.client(node).pubsub())
            await pubsub.ssubscribe("one", "two")
            for _ in range(2):
                await pubsub.get_message(timeout=10)
            self._pubsubs[node] = pubsub
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def next(self, node: str, count: int = 1) -> list[bytes]:
        return [(await self._pubsubs[node].get_message(timeout=10))["data"] for _ in range(count)]


@pytest.fixture
async def publisher(nodes: Nodes) -> AsyncIterator[ShardPublisher]:
    publisher = ShardPublisher(cast(Topology, nodes), limit=1000)
    await publisher.start()
    yield publisher
    await publisher.close(5)


def send(publisher: ShardPublisher, channel: str, *bodies: bytes) -> None:
    for body in bodies:
        publisher.send(("SPUBLISH", channel, body))


async def test_each_message_goes_to_the_node_of_its_channel(nodes: Nodes, publisher: ShardPublisher) -> None:
    nodes.places = {"one": "a", "two": "b"}
    async with Heard(nodes) as heard:
        send(publisher, "one", b"1", b"2")
        send(publisher, "two", b"3")
        assert await heard.next("a", 2) == [b"1", b"2"]
        assert await heard.next("b") == [b"3"]
        await until(lambda: publisher.size == 0)
        assert publisher.is_connected
        assert publisher.dropped == publisher.refusals == publisher.unconfirmed == publisher.reconnects == 0


async def test_while_a_node_is_unknown_messages_wait_in_order(
    nodes: Nodes, publisher: ShardPublisher
) -> None:
    nodes.places = {"two": "a"}
    send(publisher, "one", b"1", b"2")
    send(publisher, "two", b"3")  # waits as well: one that overtakes would be out of order
    assert nodes.doubts > 0
    async with Heard(nodes) as heard:
        nodes.change(one="a")
        assert await heard.next("a", 3) == [b"1", b"2", b"3"]


async def test_what_a_node_refuses_goes_elsewhere_ahead_of_the_rest(
    nodes: Nodes, publisher: ShardPublisher
) -> None:
    nodes.places = {"one": "a"}
    for body in (b"1", b"2"):
        command = pack_command(("SPUBLISH", "one", body))
        publisher._refused(command, ResponseError("MOVED 1 127.0.0.1:1"))
    send(publisher, "one", b"3")
    assert publisher.size > 0
    async with Heard(nodes) as heard:
        nodes.change(one="b")
        assert await heard.next("b", 3) == [b"1", b"2", b"3"]
    assert publisher.refusals == 0


async def test_what_waits_for_a_node_that_is_replaced_goes_to_the_new_one(
    nodes: Nodes, publisher: ShardPublisher
) -> None:
    nodes.dead.add("a")
    nodes.places = {"one": "a"}
    send(publisher, "one", b"1", b"2")
    await asyncio.sleep(0)
    assert not publisher.is_connected
    async with Heard(nodes) as heard:
        nodes.nodes = {"b"}
        nodes.change(one="b")
        send(publisher, "one", b"3")
        assert await heard.next("b", 3) == [b"1", b"2", b"3"]
    assert publisher.dropped == 0


async def test_what_waits_is_bounded(nodes: Nodes, publisher: ShardPublisher) -> None:
    send(publisher, "one", *(b"%d" % number * 50 for number in range(20)))
    assert publisher.size <= 1000
    assert publisher.dropped > 0
    nodes.change(one="a")
    await until(lambda: publisher.size == 0)


async def test_another_refusal_is_counted_and_logged(
    nodes: Nodes, publisher: ShardPublisher, caplog: pytest.LogCaptureFixture
) -> None:
    publisher._refused(b"", ResponseError("NOPERM"))
    assert publisher.refusals == 1
    assert "NOPERM" in caplog.text


async def test_what_is_not_sent_in_the_end_is_counted(nodes: Nodes) -> None:
    publisher = ShardPublisher(cast(Topology, nodes))
    await publisher.start()
    send(publisher, "one", b"1")
    await publisher.close(0)
    assert publisher.dropped == 1


async def test_what_is_under_way_to_a_node_that_is_replaced_is_counted(
    nodes: Nodes, publisher: ShardPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEAVING", 0.01)
    nodes.change(one="a")
    send(publisher, "one", b"1")
    await until(lambda: publisher.is_connected and publisher.size == 0)
    await nodes.client("a").client_pause(100, all=False)
    send(publisher, "one", b"2", b"3")
    await until(lambda: len(publisher._publishers["a"]._under_way) == 2)
    nodes.nodes = {"b"}
    nodes.change(one="b")
    assert publisher.size > 0
    await until(lambda: publisher.unconfirmed == 2)
    assert publisher.size == publisher.dropped == 0
    assert not publisher._members.leaving


async def test_a_node_that_is_replaced_has_time_to_say_what_it_did_not_take(
    nodes: Nodes, publisher: ShardPublisher
) -> None:
    nodes.change(one="a")
    send(publisher, "one", b"1")
    await until(lambda: publisher.is_connected and publisher.size == 0)
    async with Heard(nodes) as heard:
        await nodes.client("a").client_pause(100, all=False)
        send(publisher, "one", b"2")
        leaving = publisher._publishers["a"]
        await until(lambda: len(leaving._under_way) == 1)
        nodes.nodes = {"b"}
        nodes.change(one="b")
        assert await heard.next("a") == [b"2"]
        await until(lambda: publisher.size == 0)
    assert publisher.unconfirmed == 0
