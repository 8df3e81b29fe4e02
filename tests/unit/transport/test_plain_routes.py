"""The handshake of plain WebSocket clients."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from rtserver.engineio.handler import Handshake
from rtserver.host import Server
from tests.support.engine import Answer, RawClient, listening, upgrade_request

JSON = "Sec-WebSocket-Protocol: rtserver.json\r\n"


@asynccontextmanager
async def serve(app: web.Application | None = None, path: str = "/ws", **options: Any) -> AsyncIterator[int]:
    sio = Server(**options)
    inner = app or web.Application()
    sio.attach(inner, websocket_path=path)
    async with listening(inner) as (_, port):
        yield port


async def ask(port: int, request: bytes) -> Answer:
    client = RawClient(*await asyncio.open_connection("127.0.0.1", port))
    client.write(request)
    answer = await client.head()
    answer.body = await client.reader.readexactly(int(answer.headers.get("content-length", "0")))
    return answer


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ("rtserver.json", "rtserver.json"),
        ("rtserver.msgpack", "rtserver.msgpack"),
        ("rtserver.msgpack, rtserver.json", "rtserver.json"),
        ("other,rtserver.msgpack", "rtserver.msgpack"),
    ],
)
async def test_the_subprotocol(offered: str, chosen: str) -> None:
    async with serve() as port:
        answer = await ask(port, upgrade_request("/ws", f"Sec-WebSocket-Protocol: {offered}\r\n"))
        assert answer.status == 101
        assert answer.headers["sec-websocket-protocol"] == chosen


@pytest.mark.parametrize(
    ("request_bytes", "status", "message"),
    [
        (
            upgrade_request("/ws"),
            400,
            "Sec-WebSocket-Protocol is missing, expected rtserver.json or rtserver.msgpack",
        ),
        (
            upgrade_request("/ws?x=1", "Sec-WebSocket-Protocol: soap\r\n"),
            400,
            "Sec-WebSocket-Protocol is 'soap', expected rtserver.json or rtserver.msgpack",
        ),
        (b"GET /ws HTTP/1.1\r\nHost: a\r\n\r\n", 400, "Upgrade is missing, expected 'websocket'"),
        (b"POST /ws HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 405, "a WebSocket handshake is a GET"),
        (
            upgrade_request("/ws", JSON).replace(b"Version: 13", b"Version: 8"),
            426,
            "Sec-WebSocket-Version is '8', expected 13",
        ),
        (
            upgrade_request("/ws", JSON + "Origin: http://evil.example\r\n"),
            403,
            "origin 'http://evil.example' is not allowed",
        ),
    ],
)
async def test_a_refused_handshake(request_bytes: bytes, status: int, message: str) -> None:
    async with serve() as port:
        answer = await ask(port, request_bytes)
        assert answer.status == status
        assert message in json.loads(answer.body)["message"]


async def test_an_allowed_origin() -> None:
    async with serve(cors_allowed_origins="http://good.example") as port:
        request = upgrade_request("/ws", JSON + "Origin: http://good.example\r\n")
        assert (await ask(port, request)).status == 101


@pytest.mark.parametrize("later", [False, True])
async def test_the_application_decides_who_may_open_a_session(later: bool) -> None:
    async def decide(handshake: Handshake) -> bool | str:
        await asyncio.sleep(0)
        return verdict(handshake)

    def verdict(handshake: Handshake) -> bool | str:
        return handshake.query.get("token") == ["secret"] or "no token"

    async with serve(allow_request=decide if later else verdict) as port:
        assert (await ask(port, upgrade_request("/ws?token=secret", JSON))).status == 101
        answer = await ask(port, upgrade_request("/ws", JSON))
        assert (answer.status, json.loads(answer.body)) == (403, {"code": 4, "message": "no token"})


async def test_those_who_wait_for_the_decision_when_the_server_ends() -> None:
    asked = asyncio.Event()

    async def decide(handshake: Handshake) -> bool:
        asked.set()
        await asyncio.Event().wait()
        return True

    sio = Server(allow_request=decide)
    app = web.Application()
    sio.attach(app, websocket_path="/ws")
    async with listening(app) as (_, port):
        asking = asyncio.ensure_future(ask(port, upgrade_request("/ws", JSON)))
        await asked.wait()
        await sio.shutdown()
        assert (await asking).status == 503


async def test_hooks_see_the_handshake() -> None:
    sio = Server()
    refused = []
    sio.eio.on("connection_error", lambda request: refused.append(request.context))
    sio.eio.on("initial_headers", lambda headers, handshake: headers.add("X-Path", handshake.path))
    app = web.Application()
    sio.attach(app, websocket_path="/ws")
    async with listening(app) as (_, port):
        assert (await ask(port, upgrade_request("/ws", JSON))).headers["x-path"] == "/ws"
        await ask(port, upgrade_request("/ws"))
        (context,) = refused
        assert "Sec-WebSocket-Protocol is missing" in context["message"]


async def test_behind_a_middleware_in_a_sub_application() -> None:
    seen = []

    @web.middleware
    async def note(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        seen.append(request.path)
        response: web.StreamResponse = await handler(request)
        return response

    async def hook(request: web.Request, response: web.StreamResponse) -> None:
        response.headers["X-Hook"] = "called"

    sio = Server()
    inner, outer = web.Application(), web.Application(middlewares=[note])
    sio.attach(inner, websocket_path="/deep/er/ws/")
    outer.on_response_prepare.append(hook)
    outer.add_subapp("/api", inner)
    async with listening(outer) as (_, port):
        answer = await ask(port, upgrade_request("/api/deep/er/ws", JSON))
        assert answer.status == 101
        assert answer.headers["x-hook"] == "called"
        assert seen == ["/api/deep/er/ws"]


async def test_through_a_lane() -> None:
    sio = Server()
    app = web.Application()
    sio.attach(app, websocket_path="ws")
    async with listening(app, sio.eio) as (_, port):
        client = RawClient(*await asyncio.open_connection("127.0.0.1", port))
        await client.upgrade("/ws", JSON)
        client.send('{"type":"connect"}')
        assert json.loads(await client.packet())["type"] == "connected"


@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_a_request_of_engineio_does_not_find_the_session(transport: str) -> None:
    sio = Server()
    app = web.Application()
    sio.attach(app, websocket_path="ws")
    async with listening(app) as (_, port):
        assert (await ask(port, upgrade_request("/ws", JSON))).status == 101
        (session,) = sio.eio.sessions
        target = f"/socket.io/?EIO=4&transport={transport}&sid={session.sid}"
        answer = await ask(port, upgrade_request(target))
        assert (answer.status, json.loads(answer.body)["code"]) == (400, 1), "an unknown session"


async def test_there_is_no_endpoint_unless_asked_for() -> None:
    sio = Server()
    app = web.Application()
    sio.attach(app)
    async with listening(app) as (_, port):
        assert (await ask(port, upgrade_request("/ws", JSON))).status == 404


def test_the_path_of_socketio_is_taken() -> None:
    with pytest.raises(ValueError, match=r"websocket_path is '/socket.io', the path of Socket.IO"):
        Server().attach(web.Application(), websocket_path="/socket.io")


async def test_allow_request_and_hooks() -> None:
    async def allow_request(handshake: Handshake) -> bool | str:
        await asyncio.sleep(0)
        return "token" in handshake.query or "a token is missing"

    sio = Server(allow_request=allow_request)
    told: list[Any] = []
    sio.eio.on("connection_error", lambda refused: told.append((refused.code, dict(refused.context))))
    sio.eio.on("initial_headers", lambda headers, handshake: headers.add("X-Hook", "called"))
    app = web.Application()
    sio.attach(app, websocket_path="/ws")
    async with listening(app) as (_, port):
        answer = await ask(port, upgrade_request("/ws", JSON))
        assert (answer.status, answer.json()) == (403, {"code": 4, "message": "a token is missing"})
        assert told == [(4, {"message": "a token is missing"})]
        answer = await ask(port, upgrade_request("/ws?token", JSON))
        assert (answer.status, answer.headers["x-hook"]) == (101, "called")


async def test_the_end_of_the_server_refuses_those_who_wait_to_be_allowed() -> None:
    asked = asyncio.Event()

    async def allow_request(handshake: Handshake) -> None:
        asked.set()
        await asyncio.get_running_loop().create_future()

    sio = Server(allow_request=allow_request)
    app = web.Application()
    sio.attach(app, websocket_path="/ws")
    async with listening(app) as (_, port):
        answering = asyncio.ensure_future(ask(port, upgrade_request("/ws", JSON)))
        await asked.wait()
        await sio.eio.close()
        assert (await answering).status == 503
