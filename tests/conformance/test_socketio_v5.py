"""Socket.IO v5, sentence by sentence, over a session in memory and over real connections.

https://socket.io/docs/v4/socket-io-protocol/. Packets stand as they are on the wire, with the Engine.IO
type character ``4`` in front.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any, Protocol

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

import rtserver
from tests.unit.server.harness import FakeSession

PATIENCE = 10
CONNECT_TIMEOUT = 0.3


class Peer(Protocol):
    """A client that speaks in packets."""

    async def send(self, *packets: str | bytes) -> None: ...

    async def receive(self) -> str | bytes: ...

    async def closed(self) -> None: ...


class MemoryPeer:
    """Talks to a session without any transport."""

    def __init__(self, sio: rtserver.Server) -> None:
        self.session = FakeSession(sio._dispatch)
        self.changed = asyncio.Event()
        self.session.on_send = self.session.on_close = self.changed.set

    async def send(self, *packets: str | bytes) -> None:
        for packet in packets:
            self.session.receive(packet if isinstance(packet, bytes) else packet[1:])

    async def receive(self) -> str | bytes:
        async with asyncio.timeout(PATIENCE):
            while not self.session.sent:
                self.changed.clear()
                await self.changed.wait()
        return self.session.sent.pop(0)

    async def closed(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.session.is_open:
                self.changed.clear()
                await self.changed.wait()


class WebSocketPeer:
    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws

    async def send(self, *packets: str | bytes) -> None:
        for packet in packets:
            await (self.ws.send_bytes(packet) if isinstance(packet, bytes) else self.ws.send_str(packet))

    async def receive(self) -> str | bytes:
        message = await self.ws.receive(PATIENCE)
        assert message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY)
        data: str | bytes = message.data
        return data

    async def closed(self) -> None:
        message = await self.ws.receive(PATIENCE)
        assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)


class PollingPeer:
    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self.http = http
        self.url = url
        self.packets: list[str | bytes] = []

    async def send(self, *packets: str | bytes) -> None:
        body = "\x1e".join(
            packet if isinstance(packet, str) else "b" + base64.b64encode(packet).decode()
            for packet in packets
        )
        async with self.http.post(self.url, data=body) as response:
            assert response.status in (200, 400)

    async def poll(self) -> bool:
        async with self.http.get(self.url) as response:
            if response.status != 200:
                return False
            body = await response.text()
        self.packets += [
            base64.b64decode(packet[1:]) if packet[0] == "b" else packet for packet in body.split("\x1e")
        ]
        return True

    async def receive(self) -> str | bytes:
        async with asyncio.timeout(PATIENCE):
            while not self.packets:
                assert await self.poll()
        return self.packets.pop(0)

    async def closed(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while await self.poll():
                assert self.packets[-1] in ("1", "6")


@pytest.fixture
def sio() -> rtserver.Server:
    """The server that the official test suite describes, and a handler that takes anything."""
    sio = rtserver.Server(connect_timeout=CONNECT_TIMEOUT, namespaces=["/", "/custom", "/admin"])

    @sio.on("connect", namespace="*")
    async def connect(namespace: str, sid: str, environ: Any, auth: Any) -> None:
        if auth == {"token": "wrong"}:
            raise ConnectionRefusedError
        await sio.emit("auth", auth or {}, to=sid, namespace=namespace)

    @sio.on("message", namespace="*")
    async def message(namespace: str, sid: str, *args: Any) -> None:
        await sio.emit("message-back", args, to=sid, namespace=namespace)

    @sio.on("message-with-ack", namespace="*")
    async def message_with_ack(namespace: str, sid: str, *args: Any) -> Any:
        await asyncio.sleep(0)
        return args

    return sio


@pytest.fixture(params=["memory", "websocket", "polling"])
async def peer(request: pytest.FixtureRequest, sio: rtserver.Server) -> AsyncIterator[Peer]:
    if request.param == "memory":
        yield MemoryPeer(sio)
        return
    app = web.Application()
    sio.attach(app)
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        url = server.make_url(f"/socket.io/?EIO=4&transport={request.param}")
        if request.param == "websocket":
            async with http.ws_connect(url) as ws:
                await ws.receive()
                yield WebSocketPeer(ws)
        else:
            async with http.get(url) as response:
                handshake = json.loads((await response.text())[1:])
            yield PollingPeer(http, f"{url}&sid={handshake['sid']}")


async def join(peer: Peer, path: str = "", auth: str = "") -> str:
    """Connect to a namespace, and return the sid."""
    await peer.send(f"40{path}{auth}")
    answer = await peer.receive()
    assert isinstance(answer, str)
    head = f"40{path}"
    assert answer.startswith(head)
    handshake = json.loads(answer.removeprefix(head))
    assert list(handshake) == ["sid"]
    assert await peer.receive() == f'42{path}["auth",{auth or "{}"}]'
    sid: str = handshake["sid"]
    return sid


@pytest.mark.parametrize("path", ["", "/custom,"])
@pytest.mark.parametrize("auth", ["", '{"token":"123"}'])
async def test_a_connect_packet_is_answered_with_the_session_id(peer: Peer, path: str, auth: str) -> None:
    assert len(await join(peer, path, auth)) == 20


async def test_the_namespace_may_end_without_a_comma(peer: Peer) -> None:
    await peer.send("40/custom")
    answer = await peer.receive()
    assert isinstance(answer, str)
    assert answer.startswith('40/custom,{"sid":"')


async def test_a_connect_error_if_the_connection_is_not_allowed(peer: Peer) -> None:
    await peer.send('40{"token":"wrong"}')
    assert await peer.receive() == '44{"message":"Connection refused by server"}'
    await peer.send("40/random,")
    assert await peer.receive() == '44/random,{"message":"Invalid namespace"}'
    await join(peer)


async def test_many_namespaces_over_the_same_connection(peer: Peer) -> None:
    sids = [await join(peer, path) for path in ("", "/custom,", "/admin,")]
    assert len(set(sids)) == 3
    await peer.send('42/admin,["message","to admin"]', '42["message","to main"]')
    assert await peer.receive() == '42/admin,["message-back","to admin"]'
    assert await peer.receive() == '42["message-back","to main"]'


async def test_without_a_connect_packet_first_the_server_closes_the_connection(peer: Peer) -> None:
    await peer.send('42["message","too early"]')
    await peer.closed()


async def test_without_any_packet_the_server_closes_the_connection(peer: Peer) -> None:
    await peer.closed()


async def test_events(peer: Peer) -> None:
    await join(peer)
    await peer.send('42["message",1,"2",{"3":[true]}]')
    assert await peer.receive() == '42["message-back",1,"2",{"3":[true]}]'


async def test_binary_events(peer: Peer) -> None:
    await join(peer)
    await peer.send(
        '452-["message",{"_placeholder":true,"num":0},{"nested":[{"_placeholder":true,"num":1}]}]',
        b"\x01\x02\x03",
        b"\x04\x05\x06",
    )
    assert await peer.receive() == (
        '452-["message-back",{"_placeholder":true,"num":0},{"nested":[{"_placeholder":true,"num":1}]}]'
    )
    assert [await peer.receive(), await peer.receive()] == [b"\x01\x02\x03", b"\x04\x05\x06"]


@pytest.mark.parametrize("path", ["", "/admin,"])
async def test_the_receiver_acknowledges_with_the_same_id(peer: Peer, path: str) -> None:
    await join(peer, path)
    await peer.send(f'42{path}456["message-with-ack",1,"2",{{"3":[false]}}]')
    assert await peer.receive() == f'43{path}456[1,"2",{{"3":[false]}}]'
    await peer.send(f'42{path}0["message-with-ack"]')
    assert await peer.receive() == f"43{path}0[]"


async def test_a_binary_acknowledgment(peer: Peer) -> None:
    await join(peer)
    await peer.send('451-789["message-with-ack",{"_placeholder":true,"num":0}]', b"\x01")
    assert await peer.receive() == '461-789[{"_placeholder":true,"num":0}]'
    assert await peer.receive() == b"\x01"


@pytest.mark.parametrize(
    ("packets", "answer"),
    [
        (["431[]"], None),
        (['431["answer"]'], "answer"),
        (['461-1[{"_placeholder":true,"num":0}]', b"\x01"], b"\x01"),
    ],
)
async def test_the_server_asks_for_an_acknowledgment(
    peer: Peer, sio: rtserver.Server, packets: list[str | bytes], answer: Any
) -> None:
    sid = await join(peer)
    call = asyncio.create_task(sio.call("question", "data", to=sid, timeout=PATIENCE))
    assert await peer.receive() == '421["question","data"]'
    await peer.send(*packets)
    assert await call == answer


async def test_a_client_leaves_a_namespace_and_may_return(peer: Peer, sio: rtserver.Server) -> None:
    await join(peer)
    sid = await join(peer, "/custom,")
    await peer.send("41/custom,", '42["message","to main"]')
    assert await peer.receive() == '42["message-back","to main"]'
    assert sio.rooms(sid, namespace="/custom") == []
    await join(peer, "/custom,")


async def test_the_server_ends_a_namespace_and_the_others_stay(peer: Peer, sio: rtserver.Server) -> None:
    await join(peer)
    sid = await join(peer, "/custom,")
    await sio.disconnect(sid, namespace="/custom")
    assert await peer.receive() == "41/custom,"
    await peer.send('42["message","to main"]')
    assert await peer.receive() == '42["message-back","to main"]'


@pytest.mark.parametrize(
    "packet",
    [
        "4",  # no type
        "4abc",  # unknown packet type
        "47",
        "42",  # "The payload is mandatory and MUST be a non-empty array. If that's not the case, then the
        "42{}",  # receiver MUST close the connection."
        "42[]",
        '42"event"',
        '42["event"',
        '42abc["message-with-ack",1]',  # invalid ack id
        '42[{"no":"name"}]',
        '42["disconnect"]',  # a reserved name
        "43[]",  # an acknowledgment without an id
        "431{}",
        "41{}",
        '44{"message":"only servers send this"}',
        "40",  # connected already
        '45-["event"]',  # a binary event without a number
        '451-["event"]',  # without a placeholder
        '452-["event",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]',
        '4599-["event"]',  # too many attachments
        '42/custom,["event"]',  # a namespace that the client isn't in
        "41/custom,",
    ],
)
async def test_what_the_protocol_does_not_allow_closes_the_connection(peer: Peer, packet: str) -> None:
    await join(peer)
    await peer.send(packet)
    await peer.closed()


async def test_a_binary_message_that_nothing_announced_closes_the_connection(peer: Peer) -> None:
    await join(peer)
    await peer.send(b"\x01")
    await peer.closed()


async def test_a_text_packet_before_the_last_attachment_closes_the_connection(peer: Peer) -> None:
    await join(peer)
    await peer.send('451-["message",{"_placeholder":true,"num":0}]', '42["message"]')
    await peer.closed()
