"""Emitters and Node's servers: with each of the official adapters, what emitters send reaches the clients."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import pytest

from rtserver import EmitterError
from rtserver.cluster.emitter import BlockingEmitter, Emitter, EmitterNamespace
from rtserver.cluster.redis.forms import Mode

from .harness.either import NodeServer, Servers
from .harness.node import Node
from .harness.redis import RedisServer

Send = Callable[[EmitterNamespace[Any]], Any]


class Case(NamedTuple):
    """A mode, as an emitter has it and as Node's adapter has it."""

    mode: Mode
    emitter: dict[str, Any]
    adapter: dict[str, Any]


CASES = {
    "pubsub": Case("pubsub", {}, {}),
    "pubsub, another key": Case("pubsub", {"key": "app"}, {"key": "app"}),
    "sharded": Case("sharded", {}, {}),
    "sharded, static": Case("sharded", {"subscription_mode": "static"}, {"subscriptionMode": "static"}),
    "streams": Case("streams", {}, {}),
    "streams, several": Case("streams", {"stream_count": 3}, {"streamCount": 3}),
}


class Cluster:
    """A server of Node's, and an emitter.

    Attributes:
        server: The server.
        send: Sends something with the emitter.
    """

    def __init__(self, server: NodeServer, send: Callable[[Send], Any]) -> None:
        self.server = server
        self.send = send


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture(params=["async", "blocking"])
async def cluster(
    request: pytest.FixtureRequest, case: Case, redis_server: RedisServer, servers: Servers
) -> AsyncIterator[Cluster]:
    adapter = {"mode": case.mode, "url": redis_server.url, **case.adapter}
    server = await servers.node("cluster.js", {"adapter": adapter})
    if request.param == "async":
        async with Emitter(redis_server.unix_url, case.mode, **case.emitter) as emitter:

            async def send(what: Send) -> None:
                await what(emitter)

            yield Cluster(server, send)
    else:
        with BlockingEmitter(redis_server.url, case.mode, **case.emitter) as blocking:

            async def send_blocking(what: Send) -> None:
                await asyncio.to_thread(what, blocking)

            yield Cluster(server, send_blocking)


async def test_events(cluster: Cluster, node: Node) -> None:
    url = cluster.server.url
    one = await node.connect(url, auth={"rooms": ["r1"]})
    two = await node.connect(url, auth={"rooms": ["r1", "r2", "a room of 20 letters"]})
    chat = await node.connect(url, namespace="/chat")

    await cluster.send(lambda emitter: emitter.emit("everyone", 1, {"a": [None, "é"]}))
    for client in (one, two):
        assert await client.next("everyone") == [1, {"a": [None, "é"]}]
    await cluster.send(lambda emitter: emitter.to("r2").emit("room", b"\x00\xff"))
    assert await two.next("room") == [b"\x00\xff"]
    await cluster.send(lambda emitter: emitter.to("r1", "r2").except_(two.sid).compress(False).emit("others"))
    assert await one.next("others") == []
    await cluster.send(lambda emitter: emitter.to(one.sid).emit("one"))
    assert await one.next("one") == []
    await cluster.send(lambda emitter: emitter.to("a room of 20 letters").volatile.emit("long"))
    assert await two.next("long") == []
    await cluster.send(lambda emitter: emitter.of("chat").emit("chat"))
    assert await chat.next("chat") == []

    await cluster.send(lambda emitter: emitter.emit("end"))
    for client, names in ((one, ["everyone", "others", "one"]), (two, ["everyone", "room", "long"])):
        await client.next("end")
        seen = [name for name, _ in client.log.history if name not in ("connect", "end")]
        assert seen == names


async def test_operations(cluster: Cluster, node: Node) -> None:
    one = await node.connect(cluster.server.url, auth={"rooms": ["r1"]})
    two = await node.connect(cluster.server.url, auth={"rooms": ["r2"]})
    await cluster.send(lambda emitter: emitter.in_("r1").sockets_join("r3", ["r4"]))
    await cluster.send(lambda emitter: emitter.in_("r3").sockets_leave("r4"))
    # In sharded mode the server may not yet listen to the channel of a room that was empty before.
    await cluster.send(lambda emitter: emitter.emit("done"))
    await one.next("done")
    assert await one.call("rooms") == [["r1", "r3"]]
    assert await two.call("rooms") == [["r2"]]
    await cluster.send(lambda emitter: emitter.except_("r2").disconnect_sockets())
    assert await one.next("disconnect") == ["io server disconnect"]
    assert await cluster.server.log.next("disconnect") == ["/", one.sid, "server namespace disconnect"]
    assert (await two.state())["connected"]


async def test_events_for_servers(cluster: Cluster) -> None:
    await cluster.send(lambda emitter: emitter.server_side_emit("hello", 1, {"a": "b"}))
    assert await cluster.server.log.next("hello") == ["/", 1, {"a": "b"}]
    await cluster.send(lambda emitter: emitter.of("/chat").server_side_emit("hello"))
    assert await cluster.server.log.next("hello") == ["/chat"]


async def test_redis_that_comes_back_is_found(redis_server: RedisServer) -> None:
    async with Emitter(redis_server.url) as emitter:
        with BlockingEmitter(redis_server.unix_url) as blocking:
            await emitter.emit("event")
            blocking.emit("event")
            await redis_server.kill()
            with pytest.raises(EmitterError):
                await emitter.emit("event")
            with pytest.raises(EmitterError):
                blocking.emit("event")
            await redis_server.restart()
            await emitter.emit("event")
            blocking.emit("event")


async def test_redis_that_does_not_answer_is_an_error(redis_server: RedisServer) -> None:
    async with Emitter(redis_server.url, socket_timeout=0.1) as emitter:
        await emitter.emit("event")
        redis_server.freeze()
        with pytest.raises(EmitterError, match=r"[Tt]imeout"):
            await emitter.emit("event")
        redis_server.resume()
        await emitter.emit("event")
