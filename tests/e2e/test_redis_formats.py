"""The pub/sub format with Node's server at the other end: it takes what we encode, and we what it sends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
import socketio
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from rtserver.cluster.message import Kind, Message
from rtserver.cluster.redis.channels import Channels
from rtserver.cluster.redis.classic import EMITTER, Classic, encode, encode_response
from rtserver.cluster.redis.foreign import CHANNEL, PythonFormat

from .harness.either import NodeServer, Servers
from .harness.events import EventLog
from .harness.node import Node
from .harness.redis import RedisServer

CHANNELS = Channels()
UID = "python"


class Peer:
    """A server of the cluster that is nothing but the format."""

    def __init__(self, client: Redis, pubsub: PubSub) -> None:
        self._client = client
        self._pubsub = pubsub
        self._format = Classic(UID, lambda namespace, room: room == "here", CHANNELS)
        self.log = EventLog("the peer")
        self.answers: dict[Kind, list[tuple[Kind, dict[str, Any]]]] = {}
        """What is answered to each kind of request."""

    async def run(self) -> None:
        async for item in self._pubsub.listen():
            if item["type"] not in ("message", "pmessage"):
                continue
            channel, body = item["channel"].decode(), item["data"]
            if item["type"] == "pmessage":
                message = self._format.event("/", channel, body)
            elif channel == CHANNELS.requests("/"):
                message = self._format.request("/", body)
                await self._answer(message)
            else:
                message = self._format.response("/", body)
            if message is not None and message.uid != UID:
                self.log.add(message.kind.name, dict(message.data), message.uid)

    async def _answer(self, message: Message) -> None:
        for kind, data in self.answers.get(message.kind, []):
            answer = Message(UID, "/", kind, {"requestId": message.data["requestId"], **data})
            await self._client.publish(*encode_response(CHANNELS, message.uid, answer))

    async def send(self, kind: Kind, room: str | None = None, **data: Any) -> None:
        await self._client.publish(*encode(CHANNELS, Message(UID, "/", kind, data), room))


@pytest.fixture
async def server(redis_server: RedisServer, servers: Servers) -> NodeServer:
    return await servers.node("cluster.js", {"adapter": {"mode": "pubsub", "url": redis_server.url}})


@pytest.fixture
async def peer(redis_server: RedisServer) -> AsyncIterator[Peer]:
    async with Redis.from_url(redis_server.url) as client, client.pubsub() as pubsub:
        await pubsub.psubscribe(CHANNELS.all_events("/"))
        await pubsub.subscribe(CHANNELS.requests("/"), CHANNELS.responses("/"), CHANNELS.responses("/", UID))
        for _ in range(4):
            assert await pubsub.get_message(timeout=10) is not None
        peer = Peer(client, pubsub)
        task = asyncio.create_task(peer.run())
        yield peer
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


EVERYONE: dict[str, Any] = {"rooms": [], "except": [], "flags": {}}


async def test_node_asks_and_ignores_the_name_in_the_answer(
    server: NodeServer, peer: Peer, node: Node
) -> None:
    client = await node.connect(server.url, auth={"rooms": ["r1"]})
    await client.answer("question", "yes")
    peer.answers = {
        Kind.FETCH: [
            (Kind.FETCHED, {"sockets": [{"id": "s1", "handshake": {}, "rooms": ["s1"], "data": {"a": 1}}]})
        ],
        Kind.SERVER_SIDE_EMIT: [
            (Kind.SERVER_SIDE_ANSWER, {"packet": {"from": "Python", "bytes": b"\x01"}, "more": [1]})
        ],
        Kind.BROADCAST: [
            (Kind.CLIENT_COUNT, {"clientCount": 1}),
            (Kind.CLIENT_ANSWER, {"packet": b"\xff", "more": [1]}),
        ],
        Kind.ALL_ROOMS: [(Kind.ALL_ROOMS_ANSWER, {"rooms": ["there"]})],
    }
    assert [id for id, _, _ in await server.do("fetch", ["r1"])] == [client.sid, "s1"]
    assert await server.do("askServers", "hello") == [{"from": "Python", "bytes": b"\x01"}]
    assert sorted(await server.do("ask", 10_000, "question"), key=str) == [b"\xff", "yes"]
    assert await server.do("allRooms") == sorted([client.sid, "r1", "there"])


async def test_node_answers(server: NodeServer, peer: Peer, node: Node) -> None:
    client = await node.connect(server.url, auth={"rooms": ["r1"]})
    await client.answer("question", b"\x01", 2)
    await peer.send(Kind.FETCH, opts=EVERYONE, requestId="1")
    data, sender = await peer.log.next("FETCHED")
    assert ([each["id"] for each in data["sockets"]], data["requestId"], sender) == ([client.sid], "1", "")
    await peer.send(Kind.SERVER_SIDE_EMIT, packet=["hello", b"\x01"], requestId="2")
    assert await server.log.next("hello") == ["/", b"\x01"]
    assert await peer.log.next("SERVER_SIDE_ANSWER") == [{"requestId": "2", "packet": "Node"}, ""]
    opts = EVERYONE | {"flags": {"timeout": 10_000}}
    await peer.send(Kind.BROADCAST, packet={"type": 2, "data": ["question"]}, opts=opts, requestId="3")
    assert await peer.log.next("CLIENT_COUNT") == [{"requestId": "3", "clientCount": 1}, ""]
    assert await peer.log.next("CLIENT_ANSWER") == [{"requestId": "3", "packet": b"\x01"}, ""]


async def test_events_both_ways(server: NodeServer, peer: Peer, node: Node) -> None:
    client = await node.connect(server.url, auth={"rooms": ["r1"]})
    await peer.send(Kind.HEARTBEAT)  # Node doesn't know it, and goes on
    opts = {"rooms": ["r1"], "except": [], "flags": {}}
    await peer.send(Kind.BROADCAST, "r1", packet={"type": 2, "data": ["event", b"\x01"]}, opts=opts)
    assert await client.next("event") == [b"\x01"]
    for rooms in (["elsewhere"], ["elsewhere", "nowhere"], ["here"]):
        await server.do("emit", "/", rooms, "event", *rooms)
    data, _ = await peer.log.next("BROADCAST")
    assert data["packet"] == {"type": 2, "data": ["event", "here"]}


async def test_clients_of_node_are_moved(server: NodeServer, peer: Peer, node: Node) -> None:
    client = await node.connect(server.url)
    opts = {"rooms": [client.sid], "except": [], "flags": {}}
    await peer.send(Kind.JOIN, opts=opts, rooms=["r1", "r2"])
    await peer.send(Kind.LEAVE, opts=opts, rooms=["r1"])
    await peer.send(Kind.SERVER_SIDE_EMIT, packet=["hello"])
    await server.log.next("hello")
    assert await client.call("rooms") == [["r2"]]
    await peer.send(Kind.DISCONNECT, opts=opts, close=True)
    assert await client.next("disconnect") == ["io server disconnect"]


async def test_the_official_emitter(servers: Servers, peer: Peer, redis_server: RedisServer) -> None:
    emitter = await servers.node("emitter.js", {})
    await emitter.do("open", redis_server.url)
    opts = {"rooms": ["here"], "except": []}

    here = ["to", ["here"]]
    await emitter.do("run", "/", [here, ["volatile"], ["emit", "event", b"\x01", None]])
    event = {
        "packet": {"type": 2, "data": ["event", b"\x01", None]},
        "opts": opts | {"flags": {"volatile": True}},
    }
    assert await peer.log.next("BROADCAST") == [event, EMITTER]
    await emitter.do("run", "/", [here, ["sockets_join", "r1"]])
    assert await peer.log.next("JOIN") == [{"opts": opts, "rooms": ["r1"]}, EMITTER]
    await emitter.do("run", "/", [here, ["sockets_leave", ["r1", "r2"]]])
    assert await peer.log.next("LEAVE") == [{"opts": opts, "rooms": ["r1", "r2"]}, EMITTER]
    await emitter.do("run", "/", [here, ["disconnect_sockets", True]])
    assert await peer.log.next("DISCONNECT") == [{"opts": opts, "close": True}, EMITTER]
    await emitter.do("run", "/", [["server_side_emit", "hello", 1]])
    assert await peer.log.next("SERVER_SIDE_EMIT") == [{"packet": ["hello", 1]}, EMITTER]


async def test_the_managers_of_python_socketio(redis_server: RedisServer) -> None:
    manager = socketio.AsyncRedisManager(redis_server.url, write_only=True)
    reader = PythonFormat()
    async with Redis.from_url(redis_server.url) as client, client.pubsub() as pubsub:
        await pubsub.subscribe(CHANNEL)

        async def received() -> Message | None:
            while (item := await pubsub.get_message(timeout=10)) is not None:
                if item["type"] == "message":
                    return reader.decode(item["data"], 0)
            raise AssertionError("nothing was published")

        await manager.emit("event", ("a", b"\x01"), room="r1", skip_sid="s1", namespace="/chat")
        event = {"type": 2, "data": ["event", "a", b"\x01"]}
        opts = {"rooms": ["r1"], "except": ["s1"]}
        data = {"packet": event, "opts": opts}
        assert await received() == Message(manager.host_id, "/chat", Kind.BROADCAST, data)
        await manager.enter_room("s1", "/", "r2")
        moved = {"opts": {"rooms": ["s1"]}, "rooms": ["r2"]}
        assert await received() == Message(manager.host_id, "/", Kind.JOIN, moved)
        await manager.leave_room("s1", "/", "r2")
        assert await received() == Message(manager.host_id, "/", Kind.LEAVE, moved)
    await manager.redis.aclose()
