"""Plain WebSocket clients, as bytes on a connection."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgpack
import pytest
from aiohttp import web

from rtserver.engineio.outgoing import Outgoing
from rtserver.host import Server
from rtserver.socketio.json_codec import JsonCodec
from rtserver.transport.reading_turns import COMPRESSED_TURN, TURN
from rtserver.websocket.deflate import DeflateOptions
from tests.support.engine import RawClient, listening, message_frame, until

JSON = "Sec-WebSocket-Protocol: rtserver.json\r\n"
MSGPACK = "Sec-WebSocket-Protocol: rtserver.msgpack\r\n"


class Application:
    """A server with a few handlers, and what happened there."""

    def __init__(self, **options: Any) -> None:
        self.sio = Server(**options)
        self.port = 0
        self.reasons: asyncio.Queue[str] = asyncio.Queue()
        self.sids: asyncio.Queue[str] = asyncio.Queue()
        self.sio.on("connect", self.connected)
        self.sio.on("disconnect", self.disconnected)
        self.sio.on("echo", lambda sid, *args: args)

    def connected(self, sid: str, environ: dict[str, Any]) -> None:
        self.sids.put_nowait(sid)

    def disconnected(self, sid: str, reason: str) -> None:
        self.reasons.put_nowait(reason)

    async def open(self, headers: str = JSON, behind: bytes = b"") -> RawClient:
        client = RawClient(*await asyncio.open_connection("127.0.0.1", self.port))
        await client.upgrade("/ws", headers, behind)
        return client

    async def connect(self, headers: str = JSON) -> RawClient:
        client = await self.open(headers)
        client.send('{"type":"connect"}')
        assert json.loads((await client.frame())[1])["type"] == "connected"
        return client


@asynccontextmanager
async def serve(**options: Any) -> AsyncIterator[Application]:
    served = Application(**options)
    app = web.Application()
    served.sio.attach(app, websocket_path="ws")
    async with listening(app) as (_, served.port):
        yield served


async def closing(client: RawClient) -> tuple[int, str]:
    """Read up to the close frame; return its code and reason."""
    while True:
        opcode, payload = await client.frame()
        if opcode == 8:
            return int.from_bytes(payload[:2], "big"), payload[2:].decode()


async def test_messages_that_come_right_behind_the_handshake() -> None:
    async with serve() as served:
        client = RawClient(*await asyncio.open_connection("127.0.0.1", served.port))
        connect = b'\x81\x92\0\0\0\0{"type":"connect"}'
        answer = await client.upgrade("/ws", JSON, connect)
        assert answer.headers["sec-websocket-protocol"] == "rtserver.json"
        assert await client.packet() == f'{{"type":"connected","sid":"{await served.sids.get()}"}}'


async def test_many_messages_in_one_chunk() -> None:
    async with serve() as served:
        client = await served.connect()
        client.send(
            '{"type":"event","event":"echo","id":1,"data":["one"]}',
            '{"type":"ping"}',
            '{"type":"event","event":"echo","id":2}',
        )
        assert [await client.packet() for _ in range(3)] == [
            '{"type":"ack","id":1,"data":["one"]}',
            '{"type":"pong"}',
            '{"type":"ack","id":2,"data":[]}',
        ]


async def test_msgpack() -> None:
    async with serve() as served:
        client = await served.open(MSGPACK)
        client.send(msgpack.packb({"type": "connect"}))
        opcode, payload = await client.frame()
        assert (opcode, msgpack.unpackb(payload)["type"]) == (2, "connected")
        client.send(
            msgpack.packb({"type": "event", "event": "echo", "id": 1, "data": [b"\0"]}),
            msgpack.packb({"type": "ping"}),
        )
        assert await client.frame() == (2, msgpack.packb({"type": "ack", "id": 1, "data": [b"\0"]}))
        assert await client.frame() == (2, msgpack.packb({"type": "pong"}))


async def test_a_broadcast_is_translated_once_for_each_form(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve() as served:
        clients = [await served.connect() for _ in range(3)]
        binary = await served.open(MSGPACK)
        binary.send(msgpack.packb({"type": "connect"}))
        await binary.frame()
        codec = served.sio._hub.codec
        encoded: list[Outgoing] = []

        def encode_event(*args: Any) -> Outgoing:
            encoded.append(JsonCodec().encode_event(*args))
            return encoded[-1]

        monkeypatch.setattr(codec, "encode_event", encode_event)
        await served.sio.emit("news", {"n": 1})
        for client in clients:
            assert await client.packet() == '{"type":"event","event":"news","data":[{"n":1}]}'
        assert msgpack.unpackb((await binary.frame())[1]) == {
            "type": "event",
            "event": "news",
            "data": [{"n": 1}],
        }
        (outgoing,) = encoded
        assert outgoing._forms is not None
        assert len(outgoing._forms) == 2


# The heartbeat.


async def test_the_heartbeat_is_that_of_rfc_6455() -> None:
    async with serve(ping_interval=0.1, ping_timeout=0.2) as served:
        client = await served.connect()
        for _ in range(3):
            assert await client.frame() == (9, b"")
            client.write(b"\x8a\x80\0\0\0\0")
        assert await client.frame() == (9, b"")
        assert await closing(client) == (1001, "ping timeout")
        assert await served.reasons.get() == "ping timeout"


async def test_a_ping_of_the_client_is_answered() -> None:
    async with serve() as served:
        client = await served.connect()
        client.write(b"\x89\x82\0\0\0\0hi")
        assert await client.frame() == (10, b"hi")


# The end.


@pytest.mark.parametrize(
    ("messages", "code", "reason"),
    [
        (['{"type":"evnt"}'], 1002, '"type" is "evnt": expected connect, event, ack, disconnect, ping'),
        ([r'{"type":"\ud83d"}'], 1002, '"type" is "?": expected connect, event, ack, disconnect, ping'),
        ([b"{}"], 1003, "a binary message: messages of rtserver.json are text, with bytes as base64"),
        (["{"], 1007, "not JSON ("),
        ([b"\xff"], 1003, "a binary message"),
        ([f'{{"type":"event","event":"{"x" * 300}"}}'], 1008, '"event" has more than 256 characters'),
        (["x" * 2000], 1009, ""),
        (
            ['{"type":"event","event":"echo","namespace":"/other"}'],
            1002,
            "not possible now: is the namespace connected, and was it only once?",
        ),
        (['{"type":"connect"}'], 1002, "not possible now: is the namespace connected, and was it only once?"),
    ],
)
async def test_a_violation_is_named(
    messages: list[str | bytes], code: int, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve(max_http_buffer_size=1000) as served:
        client = await served.connect()
        client.send(*messages, '{"type":"event","event":"echo","id":1}')
        found = await closing(client)
        assert found[0] == code
        assert found[1].startswith(reason)
        client.send_close(code)
        assert await client.at_end()
        assert await served.reasons.get() in {"parse error", "transport error"}
        assert len(served.sio.eio.sessions) == 0
        assert caplog.records


async def test_a_long_reason_is_cut_to_what_a_close_frame_holds() -> None:
    async with serve() as served:
        client = await served.connect()
        client.send('{"type":"connect","namespace":"' + "é" * 200 + '"}')
        code, reason = await closing(client)
        assert code == 1002
        assert len(reason.encode()) <= 123
        assert reason.startswith('"namespace" is "éé')


async def test_a_client_that_connects_to_nothing() -> None:
    async with serve(connect_timeout=0.1) as served:
        client = await served.open()
        assert await closing(client) == (
            1008,
            'no namespace was connected in time: send {"type":"connect"} first',
        )


async def test_a_client_that_its_namespace_finds_too_slow() -> None:
    async with serve() as served:
        client = await served.connect()
        (session,) = served.sio.eio.sessions
        session.close("slow client")
        assert await closing(client) == (1013, "messages were not read fast enough")
        assert await served.reasons.get() == "slow client"


async def test_the_application_closes() -> None:
    async with serve() as served:
        client = await served.connect()
        (session,) = served.sio.eio.sessions
        session.close()
        assert await closing(client) == (1000, "")
        assert await served.reasons.get() == "server disconnect"


async def test_the_client_closes() -> None:
    async with serve() as served:
        client = await served.connect()
        client.send_close(1000)
        assert await closing(client) == (1000, "")
        assert await served.reasons.get() == "transport close"


async def test_the_connection_breaks() -> None:
    async with serve() as served:
        client = await served.connect()
        client.abort()
        assert (await served.reasons.get()).startswith("transport ")


async def test_the_server_ends() -> None:
    async with serve() as served:
        client = await served.connect()
        ending = asyncio.ensure_future(served.sio.shutdown())
        assert await closing(client) == (1001, "server shutting down")
        assert await served.reasons.get() == "server shutting down"
        client.send_close(1001)
        await ending


async def test_a_client_that_does_not_read() -> None:
    async with serve(max_buffer_size=500_000) as served:
        client = await served.connect()
        client.stop_reading()
        while served.reasons.empty():
            await served.sio.emit("news", "x" * 100_000)
            await asyncio.sleep(0)
        assert await served.reasons.get() == "slow client"
        assert served.sio.eio.counters.slow_clients == 1


async def test_what_cannot_be_translated_is_left_out_for_them_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serve() as served:
        client = await served.connect()
        await served.sio.emit("connect_error", b"reserved")  # with bytes, it is decoded to be translated
        await served.sio.emit("news", 1)
        assert await client.packet() == '{"type":"event","event":"news","data":[1]}'
        assert served.sio.eio.counters.untranslatable == 1
        assert "clients of which don't get it" in caplog.text


async def test_a_fault_of_ours_ends_the_session(caplog: pytest.LogCaptureFixture) -> None:
    async with serve() as served:
        client = await served.connect()
        (session,) = served.sio.eio.sessions

        def take(*args: Any) -> None:
            raise ZeroDivisionError

        session.take = take  # type: ignore[attr-defined]
        client.send('{"type":"event","event":"echo"}')
        assert (await closing(client))[0] == 1011
        assert await served.reasons.get() == "server error"
        assert "ZeroDivisionError" in caplog.text


# Compression.


async def inflated(client: RawClient) -> str:
    first, size = await client.reader.readexactly(2)
    assert first == 0xC1, "FIN, RSV1, text"
    stream = await client.reader.readexactly(size) + b"\x00\x00\xff\xff"
    return zlib.decompressobj(-15).decompress(stream).decode()


async def test_compression() -> None:
    deflate = JSON + "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n"
    async with serve(per_message_deflate=DeflateOptions(threshold=100)) as served:
        client = await served.connect(deflate)
        await served.sio.emit("news", "again " * 50)
        assert await inflated(client) == f'{{"type":"event","event":"news","data":["{"again " * 50}"]}}'
        client.send(f'{{"type":"event","event":"echo","id":1,"data":["{"again " * 50}"]}}')
        assert await inflated(client) == f'{{"type":"ack","id":1,"data":["{"again " * 50}"]}}'
        await served.sio.emit("news", "short")
        assert await client.packet() == '{"type":"event","event":"news","data":["short"]}'


async def test_a_broadcast_that_is_not_to_be_compressed() -> None:
    deflate = JSON + "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n"
    async with serve(per_message_deflate=DeflateOptions(threshold=100)) as served:
        client = await served.connect(deflate)
        await served.sio.of("/").compress(False).emit("news", "again " * 50)
        assert await client.packet() == f'{{"type":"event","event":"news","data":["{"again " * 50}"]}}'


async def test_reading_pauses_while_handlers_are_behind() -> None:
    async with serve(max_running_handlers=2) as served:
        release = asyncio.Event()
        started = []

        async def slow(sid: str, number: int) -> int:
            started.append(number)
            await release.wait()
            return number

        served.sio.on("slow", slow)
        client = await served.connect()
        for number in range(2):
            client.send(f'{{"type":"event","event":"slow","id":{number},"data":[{number}]}}')
        await until(lambda: served.sio.counters.reading_pauses)
        client.send('{"type":"event","event":"slow","id":2,"data":[2]}')
        release.set()
        assert {await client.packet() for _ in range(3)} == {
            f'{{"type":"ack","id":{number},"data":[{number}]}}' for number in range(3)
        }


@pytest.mark.parametrize(("extension", "turn"), [("", TURN), ("permessage-deflate", COMPRESSED_TURN)])
async def test_others_have_their_turn_while_one_sends_much_at_once(extension: str, turn: int) -> None:
    async with serve(per_message_deflate=True) as served:
        counted: list[int] = []
        served.sio.on("count", lambda sid, number: counted.append(number))
        await served.connect(f"{JSON}Sec-WebSocket-Extensions: {extension}\r\n")
        [session] = served.sio.eio.sessions
        carrier: Any = session.carrier
        frames = [
            message_frame(f'{{"type":"event","event":"count","data":[1{number:04}]}}')
            for number in range(5_000)
        ]
        carrier.data_received(b"".join(frames))
        assert len(counted) == turn // len(frames[0])
        await until(lambda: len(counted) == len(frames))
        assert counted == list(range(10_000, 15_000))
