from __future__ import annotations

import json

import pytest

from tests.conformance.engineio_v3.helpers import WEBSOCKET, Serve, open_websocket
from tests.support.engine import Recorder


async def test_the_handshake(server: Serve) -> None:
    async with server(allow_eio3=True) as served:
        client = await served.connect()
        await client.upgrade(WEBSOCKET)
        packet = await client.packet()
        assert packet[0] == "0"
        assert json.loads(packet[1:]) == {
            "sid": served.handler.session.sid,
            "upgrades": [],
            "pingInterval": 25000,
            "pingTimeout": 20000,
        }


async def test_off_by_default(server: Serve) -> None:
    async with server() as served:
        client = await served.connect()
        client.request("GET", WEBSOCKET, "Upgrade: websocket\r\nConnection: Upgrade\r\n")
        assert (await client.answer()).json()["code"] == 5


@pytest.mark.parametrize("compressed", [False, True])
async def test_messages_both_ways(server: Serve, compressed: bool) -> None:
    async with server(Recorder(echo=True), allow_eio3=True, per_message_deflate=compressed) as served:
        client = await open_websocket(served)
        client.send("4é😀", b"\x04\x00\xff", "b4AQID", b"\x04", "4")
        assert [await client.frame() for _ in range(5)] == [
            (1, "4é😀".encode()),
            (2, b"\x04\x00\xff"),
            (2, b"\x04\x01\x02\x03"),
            (2, b"\x04"),
            (1, b"4"),
        ]
        received = [served.handler.messages.get_nowait() for _ in range(5)]
        assert received == ["é😀", b"\x00\xff", b"\x01\x02\x03", b"", ""]


async def test_bytes_as_base64(server: Serve) -> None:
    async with server(Recorder(echo=True), allow_eio3=True) as served:
        client = await open_websocket(served, "&b64=1")
        client.send("b4AQIDBA==", "4x")
        assert await client.packet() == "b4AQIDBA=="
        assert await client.packet() == "4x"


async def test_a_compressed_message_of_bytes(server: Serve) -> None:
    async with server(allow_eio3=True, per_message_deflate=True) as served:
        client = await served.connect()
        extensions = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n"
        answer = await client.upgrade(WEBSOCKET, extensions)
        assert "permessage-deflate" in answer.headers["sec-websocket-extensions"]
        await client.packet()
        served.handler.session.send(b"x" * 10_000)
        first, size = await client.reader.readexactly(2)
        assert first == 0xC2  # FIN, RSV1: compressed, and of bytes
        assert size < 126


async def test_a_ping_is_answered(server: Serve) -> None:
    async with server(allow_eio3=True) as served:
        client = await open_websocket(served)
        client.send("2")
        assert await client.packet() == "3"


async def test_pings_keep_the_session(server: Serve) -> None:
    async with server(allow_eio3=True, ping_interval=0.2, ping_timeout=0.2) as served:
        client = await open_websocket(served)
        silent = await open_websocket(served)
        while served.handler.reasons.empty():
            client.send("2")
            assert await client.packet() == "3"
        assert served.handler.reasons.get_nowait() == "ping timeout"
        assert await silent.close_code() == 1001
        assert [session.is_open for session in served.handler.sessions] == [True, False]


async def test_the_server_sends_no_ping(server: Serve) -> None:
    async with server(allow_eio3=True, ping_interval=0.1, ping_timeout=0.3) as served:
        client = await open_websocket(served)
        assert await client.close_code() == 1001  # and nothing before it
        assert served.handler.reasons.get_nowait() == "ping timeout"


@pytest.mark.parametrize("packet", ["", "3", "7", "5", "b", "b4!", "b2AA", b"", b"\x02", b"4"])
async def test_a_packet_that_is_wrong(server: Serve, packet: str | bytes) -> None:
    async with server(allow_eio3=True) as served:
        client = await open_websocket(served)
        client.send(packet)
        assert await client.close_code() == 1002
        assert served.handler.reasons.get_nowait() == "parse error"


async def test_the_client_leaves(server: Serve) -> None:
    async with server(allow_eio3=True) as served:
        client = await open_websocket(served)
        client.send("1")
        assert await client.close_code() == 1000
        assert served.handler.reasons.get_nowait() == "transport close"
