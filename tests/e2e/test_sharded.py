"""One server of Node's with the sharded adapter and one of ours, with official clients on both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from rtserver import RedisManager, Server
from rtserver.cluster.redis.forms import SUBSCRIPTION_MODES
from tests.support.engine import until

from .harness.either import NodeServer, Servers
from .harness.events import EventLog
from .harness.node import Node, NodeSocket
from .harness.redis import RedisServer
from .harness.server import Hosting, make_server


class Mixed:
    """A cluster of both.

    Args:
        mode: Which rooms have channels of their own.
        server: Node's.
        sio: Ours.
        url: Where ours is.
    """

    def __init__(self, mode: str, server: NodeServer, sio: Server, url: str) -> None:
        self.mode = mode
        self.server = server
        self.sio = sio
        self.url = url
        self.log = EventLog("our server")

    async def clients(self, node: Node, **rooms: Any) -> tuple[NodeSocket, NodeSocket]:
        """Connect a client to Node's server and one to ours, both to the same rooms."""
        there, here = [await node.connect(url, auth=rooms) for url in (self.server.url, self.url)]
        return there, here


@pytest.fixture(params=SUBSCRIPTION_MODES)
async def mixed(
    request: pytest.FixtureRequest, redis_server: RedisServer, servers: Servers, hosting: Hosting
) -> AsyncIterator[Mixed]:
    mode = request.param
    manager = RedisManager(redis_server.url, "sharded", subscription_mode=mode)
    sio = make_server(client_manager=manager)

    @sio.event
    async def connect(sid: str, environ: Any, auth: Any) -> None:
        await sio.socket(sid).join((auth or {}).get("rooms", []))

    server_options = {"mode": "sharded", "url": redis_server.url, "subscriptionMode": mode}
    host = await hosting.server(sio)
    server = await servers.node("cluster.js", {"adapter": server_options})
    mixed = Mixed(mode, server, sio, host.url)

    @sio.event
    def disconnect(sid: str, reason: str) -> None:
        mixed.log.add("disconnect", sid, reason)

    yield mixed
    assert manager.status().violations == 0


async def test_events_reach_everyone_a_room_and_one_client(mixed: Mixed, node: Node) -> None:
    there, here = await mixed.clients(node, rooms=["r1", "x" * 20])
    for number, rooms in enumerate(([], ["r1"], ["x" * 20], ["r1", "nobody"])):
        await mixed.sio.emit("event", (number, b"\x00\xff"), to=rooms or None)
        await mixed.server.do("emit", "/", rooms, "event", number, b"\xff")
        for client in (there, here):
            received = [await client.next("event") for _ in range(2)]
            assert sorted(received, key=str) == sorted([[number, b"\x00\xff"], [number, b"\xff"]], key=str)
    await mixed.sio.emit("event", "from Python", to=there.sid)
    assert await there.next("event") == ["from Python"]
    await mixed.server.do("emit", "/", [here.sid], "event", "from Node")
    assert await here.next("event") == ["from Node"]


async def test_clients_are_moved_from_either_side(mixed: Mixed, node: Node) -> None:
    there, here = await mixed.clients(node)
    sio = mixed.sio
    await sio.in_(there.sid).sockets_join(["r1", "r2"])
    await sio.in_(there.sid).sockets_leave("r1")
    await sio.server_side_emit("hello")
    await mixed.server.log.next("hello")
    assert await there.call("rooms") == [["r2"]]
    await sio.emit("event", 1, to="r2")  # its channel may not be listened to yet
    assert await there.next("event") == [1]

    await mixed.server.do("join", "/", [here.sid], ["r1", "r2"])
    await mixed.server.do("leave", "/", [here.sid], ["r1"])
    await until(lambda: set(sio.rooms(here.sid)) == {here.sid, "r2"})

    await mixed.server.do("disconnect", "/", [here.sid], True)
    assert await here.next("disconnect") == ["io server disconnect"]
    assert await mixed.log.next("disconnect") == [here.sid, "server disconnect"]
    await sio.disconnect(there.sid)
    assert await there.next("disconnect") == ["io server disconnect"]


async def test_clients_are_described_to_either_side(mixed: Mixed, node: Node) -> None:
    there, here = await mixed.clients(node, rooms=["r1"])
    await mixed.sio.save_session(here.sid, {"name": "Ada", "key": b"\x01"})
    found = {id: (set(rooms), data) for id, rooms, data in await mixed.server.do("fetch", ["r1"])}
    assert found == {
        there.sid: ({there.sid, "r1"}, {}),
        here.sid: ({here.sid, "r1"}, {"name": "Ada", "key": b"\x01"}),
    }
    sockets = await mixed.sio.in_("r1").fetch_sockets()
    assert {socket.id: socket.rooms for socket in sockets} == {
        there.sid: {there.sid, "r1"},
        here.sid: {here.sid, "r1"},
    }
    assert sockets.silent == ()
    assert await mixed.server.do("fetch", ["nobody"]) == []


async def test_servers_answer_each_other(mixed: Mixed) -> None:
    mixed.sio.on_server_event("hello", lambda *args: {"from": "Python", "args": list(args)})
    answered = await mixed.server.do("askServers", "hello", 1, b"\x01")
    assert answered == [{"from": "Python", "args": [1, b"\x01"]}]
    answers = await mixed.sio.server_side_emit_with_ack("hello", {"a": b"\x02"})
    assert (list(answers), answers.complete) == (["Node"], True)
    assert await mixed.server.log.next("hello") == ["/", {"a": b"\x02"}]


async def test_clients_on_both_answer_a_broadcast(mixed: Mixed, node: Node) -> None:
    there, here = await mixed.clients(node, rooms=["r1"])
    await there.answer("question", b"\x01")
    await here.answer("question", "from Python")
    answers = await mixed.sio.to("r1").timeout(10).emit_with_ack("question", 1)
    assert sorted(answers, key=str) == sorted([b"\x01", "from Python"], key=str)
    assert answers.complete
    answered = await mixed.server.do("ask", 10_000, "question", 1)
    assert sorted(answered, key=str) == sorted([b"\x01", "from Python"], key=str)


async def test_a_room_is_listened_to_while_it_has_members(
    mixed: Mixed, node: Node, redis_server: RedisServer
) -> None:
    there, here = await mixed.clients(node, rooms=["r1"])
    async with Redis.from_url(redis_server.url) as client:

        async def listeners() -> int:
            [(_, count)] = await client.pubsub_shardnumsub("socket.io#/#r1#")
            return int(count)

        assert await listeners() == (0 if mixed.mode == "static" else 2)
        for left in (there, here):
            await left.disconnect()
        async with asyncio.timeout(20):
            while await listeners():  # ours waits a moment: the client could be back
                pass
