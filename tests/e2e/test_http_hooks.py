"""What an application decides and changes at the HTTP level: on Node's server and on ours alike."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest
import socketio
from multidict import CIMultiDict

from rtserver import Handshake, RefusedRequest, Server

from .harness.either import Application, Commands, ServeEither, Tell
from .harness.node import Node, Transport
from .harness.server import Hosting, make_server

OPEN = "/socket.io/?EIO=4&transport="


def hooked(sio: Server, tell: Tell) -> Commands:
    def note(event: str, handshake: Handshake) -> None:
        tell(event, handshake.method, handshake.query["transport"][0])

    async def allow_request(handshake: Handshake) -> bool | str:
        note("allow_request", handshake)
        await asyncio.sleep(0)
        return handshake.query.get("reason", [True])[0]

    sio.eio.allow_request = allow_request

    @sio.eio.on("initial_headers")
    def initial(headers: CIMultiDict[str], handshake: Handshake) -> None:
        note("initial_headers", handshake)
        headers["X-Initial"] = handshake.header("x-number") or "none"

    @sio.eio.on("headers")
    def each(headers: CIMultiDict[str], handshake: Handshake) -> None:
        note("headers", handshake)
        headers["X-Each"] = handshake.header("x-number") or "none"

    @sio.eio.on("connection_error")
    def refused(error: RefusedRequest) -> None:
        tell("connection_error", error.request.target, error.code, error.message, dict(error.context))

    return {}


HOOKED = Application("http_hooks.js", hooked)


UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


async def test_which_requests_the_hooks_see(either_server: ServeEither) -> None:
    server = await either_server(HOOKED)
    async with aiohttp.ClientSession() as http:

        async def fetch(
            number: int, query: str, method: str = "GET", data: str | None = None
        ) -> tuple[str, dict[str, str]]:
            """Return the body of a response, and the headers that hooks have set."""
            headers = (UPGRADE if "websocket" in query else {}) | {"X-Number": str(number)}
            async with http.request(method, server.url + OPEN + query, headers=headers, data=data) as answer:
                marks = {name: value for name, value in answer.headers.items() if name.startswith("X-")}
                return "" if answer.status == 101 else await answer.text(), marks

        opened, marks = await fetch(1, "polling")
        assert marks == {"X-Initial": "1", "X-Each": "1"}
        sid = json.loads(opened[1:])["sid"]
        assert await fetch(2, f"polling&sid={sid}", "POST", "40") == ("ok", {"X-Each": "2"})
        answer, marks = await fetch(3, f"polling&sid={sid}")
        assert (answer[:2], marks) == ("40", {"X-Each": "3"})
        assert await fetch(4, f"websocket&sid={sid}") == ("", {"X-Each": "4"})
        assert await fetch(5, "websocket") == ("", {"X-Initial": "5", "X-Each": "5"})
    for _ in range(5):
        await server.log.next("headers")
    assert server.log.history == [
        ("allow_request", ["GET", "polling"]),
        ("initial_headers", ["GET", "polling"]),
        ("headers", ["GET", "polling"]),
        ("headers", ["POST", "polling"]),
        ("headers", ["GET", "polling"]),
        ("headers", ["GET", "websocket"]),
        ("allow_request", ["GET", "websocket"]),
        ("initial_headers", ["GET", "websocket"]),
        ("headers", ["GET", "websocket"]),
    ]


async def test_what_is_told_of_a_refused_request(either_server: ServeEither) -> None:
    server = await either_server(HOOKED)
    expected: tuple[int, str, dict[str, Any]]
    async with aiohttp.ClientSession() as http:
        for method, query, headers, expected in (
            ("GET", "tin", {}, (0, "Transport unknown", {"transport": "tin"})),
            ("GET", "polling&sid=no", {}, (1, "Session ID unknown", {"sid": "no"})),
            ("GET", "websocket&sid=no", UPGRADE, (1, "Session ID unknown", {"sid": "no"})),
            ("POST", "polling", {}, (2, "Bad handshake method", {"method": "POST"})),
            ("GET", "websocket", {}, (3, "Bad request", {"name": "TRANSPORT_HANDSHAKE_ERROR"})),
            ("GET", "polling&reason=not+you", {}, (4, "Forbidden", {"message": "not you"})),
            ("GET", "websocket&reason=not+you", UPGRADE, (4, "Forbidden", {"message": "not you"})),
        ):
            target = OPEN + query
            async with http.request(method, server.url + target, headers=headers) as answer:
                # Node's server answers every upgrade that it refuses with 400 and plain text.
                if not (headers and server.kind == "node"):
                    assert answer.status == (403 if expected[0] == 4 else 400)
                    error = await answer.json()
                    assert error["code"] == expected[0]
                    assert error["message"].startswith(expected[2].get("message", expected[1]))
            assert await server.log.next("connection_error") == [target, *expected]


@pytest.mark.parametrize("transport", [Transport.POLLING, Transport.WEBSOCKET], ids=lambda each: each.value)
async def test_the_official_client_isnt_let_in(
    either_server: ServeEither, node: Node, transport: Transport
) -> None:
    server = await either_server(HOOKED)
    manager = await node.manager(
        server.url, transports=transport.names, reconnection=False, query={"reason": "not you"}
    )
    client = await manager.socket()
    (error,) = await client.next("connect_error")
    assert error["message"] == ("xhr poll error" if transport is Transport.POLLING else "websocket error")
    assert (await server.log.next("connection_error"))[1:] == [4, "Forbidden", {"message": "not you"}]


@pytest.mark.parametrize("lane", [False, True])
@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_python_socketios_client(hosting: Hosting, transport: str, lane: bool) -> None:
    async def allow_request(handshake: Handshake) -> bool:
        await asyncio.sleep(0)
        return "token" in handshake.query

    host = await hosting.server(make_server(allow_request=allow_request), lane=lane)
    client = socketio.AsyncClient(reconnection=False)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await client.connect(host.url, transports=[transport])
    await client.connect(f"{host.url}?token", transports=[transport])
    assert client.transport() == transport
    await client.disconnect()
