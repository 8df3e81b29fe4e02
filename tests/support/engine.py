"""An Engine.IO server on a free port, its handler, and clients that speak bytes."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

from aiohttp import web
from websockets.speedups import apply_mask

from rtserver.engineio.handler import Session
from rtserver.transport.engine_server import EngineServer

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

TURNS = 100
"""Turns of the loop in which a condition holds that nothing outside the process has to do with."""
PAUSE = 0.002
"""Seconds between two looks after that."""


class Recorder:
    """A handler that keeps what it is told, and can echo."""

    def __init__(self, *, echo: bool = False) -> None:
        self.echo = echo
        self.sessions: list[Session] = []
        self.on_connect: Callable[[Session], None] | None = None
        self.on_message: Callable[[Session, str | bytes], None] | None = None
        self.messages: asyncio.Queue[str | bytes] = asyncio.Queue()
        self.reasons: asyncio.Queue[str] = asyncio.Queue()
        self.drained: asyncio.Queue[Session] = asyncio.Queue()

    @property
    def session(self) -> Session:
        return self.sessions[-1]

    def connect(self, session: Session, /) -> None:
        self.sessions.append(session)
        if self.on_connect is not None:
            self.on_connect(session)

    def message(self, session: Session, data: str | bytes, /) -> None:
        self.messages.put_nowait(data)
        if self.on_message is not None:
            self.on_message(session, data)
        if self.echo:
            session.send(data)

    def disconnect(self, session: Session, reason: str, /) -> None:
        self.reasons.put_nowait(reason)

    def drain(self, session: Session, /) -> None:
        self.drained.put_nowait(session)


class Served:
    """A running server."""

    def __init__(self, engine: EngineServer, handler: Recorder, runner: web.AppRunner, port: int) -> None:
        self.engine = engine
        self.handler = handler
        self.runner = runner
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.websocket_url = f"ws://127.0.0.1:{port}/engine.io/?EIO=4&transport=websocket"

    async def connect(self, tls: ssl.SSLContext | None = None) -> RawClient:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=tls, server_hostname="rtserver.example" if tls else None
        )
        return RawClient(reader, writer)

    async def open_polling(self) -> tuple[RawClient, str]:
        """Open a session by a handshake of polling."""
        client = await self.connect()
        response = await client.get("/engine.io/?EIO=4&transport=polling")
        assert response.status == 200
        assert response.body[:1] == b"0"
        return client, json.loads(response.body.split(b"\x1e")[0][1:])["sid"]

    async def open_websocket(self, query: str = "", headers: str = "") -> RawClient:
        """Open a WebSocket, and read the open packet of a new session."""
        client = await self.connect()
        await client.upgrade(f"/engine.io/?EIO=4&transport=websocket{query}", headers)
        if not query:
            opcode, payload = await client.frame()
            assert (opcode, payload[:1]) == (1, b"0")
        return client


@asynccontextmanager
async def serve(
    handler: Recorder | None = None,
    *,
    lane: bool = False,
    app: web.Application | None = None,
    tls: ssl.SSLContext | None = None,
    path: str = "/engine.io/",
    **options: Any,
) -> AsyncIterator[Served]:
    handler = handler or Recorder()
    engine = EngineServer(handler, **options)
    app = app or web.Application()
    engine.attach(app, path)
    async with listening(app, engine if lane else None, tls) as (runner, port):
        yield Served(engine, handler, runner, port)


@asynccontextmanager
async def listening(
    app: web.Application, lane: EngineServer | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[web.AppRunner, int]]:
    """Serve an application on a free port, through a lane if one is given."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    assert runner.server is not None
    factory: Any = runner.server if lane is None else lane.lane(runner.server)
    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0, ssl=tls)
    try:
        yield runner, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        while _clients:
            await _clients.pop().end()
        await runner.cleanup()


class Answer:
    """A whole response."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def json(self) -> Any:
        return json.loads(self.body)


_clients: list[RawClient] = []
"""Those that are open: the test's server closes them at its end."""


class RawClient:
    """A connection on which requests and frames are bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        _clients.append(self)

    def write(self, data: bytes) -> None:
        self.writer.write(data)

    def close(self) -> None:
        self.writer.close()

    def abort(self) -> None:
        self.writer.transport.abort()

    async def end(self) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()

    def stop_reading(self) -> None:
        """Leave what the server sends in the buffers of the system."""
        cast(asyncio.Transport, self.writer.transport).pause_reading()

    def go_on_reading(self) -> None:
        cast(asyncio.Transport, self.writer.transport).resume_reading()

    async def at_end(self) -> bool:
        """Wait for the end of the connection."""
        try:
            return await self.reader.read() == b""
        except ConnectionResetError:
            return True

    # HTTP

    def request(self, method: str, target: str, headers: str = "", body: bytes | None = None) -> None:
        length = "" if body is None else f"Content-Length: {len(body)}\r\n"
        head = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n{length}{headers}\r\n"
        self.write(head.encode() + (body or b""))

    async def get(self, target: str, headers: str = "") -> Answer:
        self.request("GET", target, headers)
        return await self.answer()

    async def post(self, target: str, body: bytes, headers: str = "") -> Answer:
        self.request("POST", target, headers, body)
        return await self.answer()

    async def poll(self, sid: str) -> Answer:
        return await self.get(f"/engine.io/?EIO=4&transport=polling&sid={sid}")

    async def push(self, sid: str, body: bytes) -> Answer:
        return await self.post(f"/engine.io/?EIO=4&transport=polling&sid={sid}", body)

    async def head(self) -> Answer:
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {}
        for line in lines[1:-2]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return Answer(int(lines[0].split()[1]), headers, b"")

    async def answer(self, method: str = "GET") -> Answer:
        answer = await self.head()
        if method != "HEAD":
            answer.body = await self.reader.readexactly(int(answer.headers.get("content-length", "0")))
        return answer

    # WebSocket

    async def upgrade(self, target: str, headers: str = "", behind: bytes = b"") -> Answer:
        self.write(upgrade_request(target, headers) + behind)
        answer = await self.head()
        assert answer.status == 101, await self.reader.read()
        assert answer.headers["sec-websocket-accept"] == ACCEPT
        return answer

    def send(self, *packets: str | bytes) -> None:
        self.write(b"".join(map(message_frame, packets)))

    def send_close(self, code: int = 1000) -> None:
        self.write(frame(8, code.to_bytes(2, "big")))

    async def frame(self) -> tuple[int, bytes]:
        """Read one unmasked frame: its opcode, and its payload."""
        first, second = await self.reader.readexactly(2)
        assert second < 0x80, "a server's frame is not masked"
        size = second
        if size == 126:
            size = int.from_bytes(await self.reader.readexactly(2), "big")
        elif size == 127:
            size = int.from_bytes(await self.reader.readexactly(8), "big")
        return first & 0x0F, await self.reader.readexactly(size)

    async def packet(self) -> str:
        opcode, payload = await self.frame()
        assert opcode == 1, (opcode, payload)
        return payload.decode()

    async def close_code(self) -> int:
        """Read up to the close frame, and return its code."""
        while True:
            opcode, payload = await self.frame()
            if opcode == 8:
                return int.from_bytes(payload[:2], "big")


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until a condition holds that no event tells of.

    What takes longer than some turns waits for another process, which needs the processor itself.
    """
    async with asyncio.timeout(20):
        turn = 0
        while not condition():
            turn += 1
            await asyncio.sleep(0 if turn < TURNS else PAUSE)


def upgrade_request(target: str, headers: str = "") -> bytes:
    return (
        f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n"
    ).encode()


def frame(opcode: int, payload: bytes, *, fin: bool = True, rsv1: bool = False) -> bytes:
    """Return a masked frame, as clients send them."""
    mask = b"\x37\xfa\x21\x3d"
    size = len(payload)
    first = opcode | (0x80 if fin else 0) | (0x40 if rsv1 else 0)
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 65536:
        head = bytes((first, 0xFE)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, 0xFF)) + size.to_bytes(8, "big")
    return head + mask + apply_mask(payload, mask)


def message_frame(packet: str | bytes) -> bytes:
    return frame(1, packet.encode()) if isinstance(packet, str) else frame(2, packet)
