"""Streams mode with Node's server and adapter, the official client, and a Redis that comes and goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from rtserver import RedisManager, Server

from .harness.either import NodeServer, Servers
from .harness.faulty_proxy import FaultyProxy
from .harness.node import Node, NodeSocket
from .harness.redis import RedisServer
from .harness.server import Hosting, make_server


class Cluster:
    """Two of our servers and one of Node's, and a proxy by which clients go from one to another."""

    def __init__(self, redis: RedisServer, servers: list[Server], ports: list[int], node: NodeServer) -> None:
        self.redis = redis
        self.one, self.two = servers
        self.ports = dict(zip(("one", "two"), ports, strict=True)) | {
            "node": int(node.url.rpartition(":")[2])
        }
        self.node = node
        self.proxy: FaultyProxy

    async def send(self, sender: str, room: str, event: str, *args: Any) -> None:
        """Send an event to a room from one of the servers."""
        if sender == "node":
            await self.node.do("send", room, event, *args)
        else:
            await {"one": self.one, "two": self.two}[sender].to(room).emit(event, *args)


@pytest.fixture
async def cluster(tmp_path: Path, hosting: Hosting, servers: Servers) -> AsyncIterator[Cluster]:
    async with AsyncExitStack() as stack:
        options = ("--appendonly", "yes", "--appendfsync", "always")
        redis = await stack.enter_async_context(RedisServer(tmp_path, *options))
        ours, ports = [], []
        for _ in range(2):
            sio = make_server(
                client_manager=RedisManager(redis.url, "streams"), connection_state_recovery=True
            )
            remember(sio)
            ours.append(sio)
            ports.append((await hosting.server(sio)).port)
        adapter = {"mode": "streams", "url": redis.url}
        node = await servers.node("recovery.js", {"connectionStateRecovery": {}, "adapter": adapter})
        cluster = Cluster(redis, ours, ports, node)
        cluster.proxy = await stack.enter_async_context(FaultyProxy(ports[0]))
        yield cluster
        await hosting.close()  # while Redis is there


def remember(sio: Server) -> None:
    """Do what `recovery.js` does."""

    @sio.event
    async def connect(sid: str, environ: Any) -> None:
        socket = sio.socket(sid)
        socket.data["name"] = "Ada"
        await socket.join("lobby")


async def drop(client: NodeSocket) -> None:
    """Lose the connection, without a good-bye to the namespace."""
    await client.manager.close_engine()
    await client.next("disconnect")


async def move(cluster: Cluster, client: NodeSocket, to: str) -> bool:
    """Let a client come back to another server. Returns whether it has recovered."""
    cluster.proxy.port = cluster.ports[to]
    await client.connect()
    await client.connected()
    return bool((await client.state())["recovered"])


async def kept(cluster: Cluster) -> None:
    """Wait until the session of a client that was lost is in Redis."""
    async with Redis.from_url(cluster.redis.url) as redis, asyncio.timeout(10):
        while not await redis.keys("sio:session:*"):  # noqa: ASYNC110 - Redis doesn't tell
            await asyncio.sleep(0.01)


def seen(client: NodeSocket, event: str) -> list[Any]:
    return [args[0] for name, args in client.log.history if name == event]


@pytest.mark.parametrize(("old", "new"), [("one", "two"), ("one", "node"), ("node", "one"), ("one", "one")])
async def test_a_client_goes_on_at_another_server(cluster: Cluster, node: Node, old: str, new: str) -> None:
    cluster.proxy.port = cluster.ports[old]
    client = await node.connect(cluster.proxy.url)
    sid = client.sid
    for number, sender in enumerate(("one", "two", "node")):
        await cluster.send(sender, "lobby", "received", number)
        await client.next("received")
    await cluster.send(old, "lobby", "last")
    await client.next("last")
    await drop(client)
    await kept(cluster)
    for number, sender in enumerate(("two", "node", "one")):
        await cluster.send(sender, "lobby", "missed", number, b"\x00")
        await cluster.send(sender, sid, "missed", 10 + number, b"\x00")
        await cluster.send(sender, "elsewhere", "missed", "not this one")
    assert await move(cluster, client, new)
    assert client.sid == sid
    for sender in ("two", "node", "one"):
        await cluster.send(sender, "lobby", f"live from {sender}")
        await client.next(f"live from {sender}")
    assert sorted(seen(client, "missed")) == [0, 1, 2, 10, 11, 12]
    assert seen(client, "received") == [0, 1, 2]
    await drop(client)
    await kept(cluster)
    await cluster.send("two", "lobby", "missed", "later")
    assert await move(cluster, client, old)
    await client.next("missed")
    await cluster.send("two", "lobby", "end")
    await client.next("end")
    assert sorted(map(str, seen(client, "missed"))) == ["0", "1", "10", "11", "12", "2", "later"]


async def test_rooms_and_data_come_along(cluster: Cluster, node: Node) -> None:
    client = await node.connect(cluster.proxy.url)
    await cluster.one.emit("received", to=client.sid)
    await client.next("received")
    await drop(client)
    await kept(cluster)
    assert await move(cluster, client, "node")
    assert (await cluster.node.log.next("connect"))[:] == [client.sid, True, "Ada", ["lobby"]]


async def test_a_client_that_has_received_nothing_recovers(cluster: Cluster, node: Node) -> None:
    client = await node.connect(cluster.proxy.url)
    await drop(client)
    await cluster.send("node", "lobby", "missed", 1)
    assert await move(cluster, client, "two")
    assert (await client.next("missed"))[0] == 1


async def test_a_connection_that_the_other_server_believes_alive_is_replaced(
    cluster: Cluster, node: Node
) -> None:
    left: list[str] = []
    cluster.one.on("disconnect", lambda sid, reason: left.append(reason))
    client = await node.connect(cluster.proxy.url)
    sid = client.sid
    for link in list(cluster.proxy.links):
        link.vanish()
    await client.next("disconnect")
    await cluster.one.emit("swallowed", 1)
    assert left == []
    assert await move(cluster, client, "two")
    assert client.sid == sid
    assert (await client.next("swallowed"))[0] == 1
    assert left == ["transport close"]


async def test_nothing_is_lost_or_doubled_when_redis_is_restarted(cluster: Cluster, node: Node) -> None:
    clients = []
    for name in ("one", "two", "node"):
        clients.append(await node.connect(f"http://127.0.0.1:{cluster.ports[name]}"))
    count = 300
    expected = [f"{sender} {number}" for number in range(count) for sender in ("one", "two")]

    async def send() -> None:
        for number in range(count):
            await cluster.send("one", "lobby", "n", f"one {number}")
            await cluster.send("two", "lobby", "n", f"two {number}")
            await asyncio.sleep(0.005)

    for client in clients:
        await client.collect("n", len(expected))
    sending = asyncio.create_task(send())
    await asyncio.sleep(0.3)
    await cluster.redis.restart()
    await sending
    for client in clients:
        received = await client.collected(60)
        for sender in ("one", "two"):
            mine = [each for each in received if each.startswith(sender)]
            assert mine == [f"{sender} {number}" for number in range(count)]


async def test_clients_here_are_sent_events_while_redis_is_frozen(cluster: Cluster, node: Node) -> None:
    client = await node.connect(cluster.proxy.url)
    other = await node.connect(f"http://127.0.0.1:{cluster.ports['two']}")
    await cluster.one.emit("before", 0)
    await client.next("before")
    cluster.redis.freeze()
    try:
        for number in range(5):
            await cluster.one.emit("n", number)
        for number in range(5):
            assert (await client.next("n"))[0] == number
    finally:
        cluster.redis.resume()
    for number in range(5):
        assert (await other.next("n"))[0] == number
    await drop(client)
    await cluster.one.emit("n", 5)
    assert await move(cluster, client, "two")
    assert (await client.next("n"))[0] == 5
    await cluster.two.emit("end")
    await client.next("end")
    await other.next("end")
    assert seen(client, "n") == seen(other, "n") == [0, 1, 2, 3, 4, 5]


async def test_what_was_sent_early_is_not_sent_again(cluster: Cluster, node: Node) -> None:
    """The client knows no id of the last events: they had none yet."""
    client = await node.connect(cluster.proxy.url)
    await cluster.redis.kill()
    for number in range(3):
        await cluster.one.emit("n", number)
        await client.next("n")
    await drop(client)
    await cluster.one.emit("n", 3)
    cluster.proxy.port = cluster.ports["two"]
    await client.connect()
    await cluster.redis.restart()
    await client.connected()
    assert (await client.state())["recovered"]
    await client.next("n")
    await cluster.one.emit("end")
    await client.next("end")
    assert seen(client, "n") == [0, 1, 2, 3]


async def test_what_an_application_does_after_an_emit_comes_after_it(cluster: Cluster, node: Node) -> None:
    client = await node.connect(cluster.proxy.url)
    await client.answer("n")
    one, sid = cluster.one, client.sid
    await one.emit("n", "to everyone")
    await one.call("n", "with acknowledgment", to=sid)
    await one.emit("n", "to the room", room="lobby")
    await one.leave_room(sid, "lobby")
    await one.emit("n", "not for who has left", room="lobby")
    await one.emit("n", "not for who comes", room="new")
    await one.enter_room(sid, "new")
    await one.emit("n", "to the new room", room="new")
    await one.emit("n", "to the client", to=sid)
    await one.disconnect(sid)
    assert await client.next("disconnect") == ["io server disconnect"]
    said = ["to everyone", "with acknowledgment", "to the room", "to the new room", "to the client"]
    assert seen(client, "n") == said
