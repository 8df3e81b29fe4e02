from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
import socketio
from aiohttp import web
from aiohttp.test_utils import TestServer

import rtserver
from rtserver import SlowClientPolicy
from rtserver.cluster.memory import MemoryManager
from rtserver.server.settings import Settings

Serve = Callable[..., Awaitable[TestServer]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serve an application on a port of its own until the test ends."""
    servers: list[TestServer] = []

    async def start(app: web.Application) -> TestServer:
        server = TestServer(app)
        servers.append(server)
        await server.start_server()
        return server

    yield start
    for server in servers:
        await server.close()


async def echoed(server: TestServer, path: str, transports: list[str]) -> Any:
    """Connect with python-socketio's client and have something echoed."""
    client = socketio.AsyncClient()
    await client.connect(str(server.make_url("/")), socketio_path=path, transports=transports)
    try:
        return await client.call("echo", ("text", b"bytes"), timeout=10)
    finally:
        await client.disconnect()


def echo_server(**options: Any) -> rtserver.Server:
    sio = rtserver.Server(**options)
    sio.on("echo", lambda sid, *args: args)
    return sio


@pytest.mark.parametrize("transports", [["websocket"], ["polling"], ["polling", "websocket"]])
@pytest.mark.parametrize("path", ["socket.io", "/deep/er/path/"])
async def test_a_server_in_an_application(serve: Serve, transports: list[str], path: str) -> None:
    app = web.Application()
    echo_server().attach(app, path)
    assert await echoed(await serve(app), path, transports) == ("text", b"bytes")


async def test_a_server_in_a_sub_application(serve: Serve) -> None:
    app, sub = web.Application(), web.Application()
    echo_server().attach(sub)
    app.add_subapp("/sub/", sub)
    assert await echoed(await serve(app), "sub/socket.io", ["websocket"]) == ("text", b"bytes")


async def test_a_server_behind_a_route_of_the_applications_own(serve: Serve) -> None:
    sio = echo_server()
    app = web.Application()
    app.router.add_route("*", "/mine/", sio.handle_request)
    assert await echoed(await serve(app), "mine", ["polling"]) == ("text", b"bytes")
    await sio.shutdown()


async def test_the_connect_handler_finds_the_request_and_the_true_address(serve: Serve) -> None:
    sio = echo_server()
    seen: list[Any] = []

    @sio.event
    def connect(sid: str, environ: dict[str, Any]) -> None:
        seen.append((type(environ["aiohttp.request"]), environ["REMOTE_ADDR"], environ["REMOTE_PORT"]))

    app = web.Application()
    sio.attach(app)
    await echoed(await serve(app), "socket.io", ["websocket"])
    [(request, address, port)] = seen
    assert issubclass(request, web.BaseRequest)
    assert address == "127.0.0.1"
    assert int(port) > 0


async def test_the_end_of_the_application_disconnects_clients_and_closes_the_manager(serve: Serve) -> None:
    class Watched(MemoryManager):
        log: list[str] = []  # noqa: RUF012

        def start(self) -> None:
            self.log.append("start")

        def close(self) -> None:
            self.log.append("close")

    sio = echo_server(client_manager=Watched())
    reasons: list[str] = []
    sio.on("disconnect", lambda sid, reason: reasons.append(reason))
    app = web.Application()
    sio.attach(app)
    server = await serve(app)
    async with aiohttp.ClientSession() as http:
        url = server.make_url("/socket.io/?EIO=4&transport=websocket")
        async with http.ws_connect(url) as ws:
            await ws.receive()
            await ws.send_str("40")
            await ws.receive()
            assert Watched.log == ["start"]
            await server.close()
            message = await ws.receive()
            assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1001)
    assert reasons == ["server shutting down"]
    assert Watched.log == ["start", "close"]


async def test_what_the_application_sends_when_it_shuts_down_arrives(serve: Serve) -> None:
    sio = echo_server()
    app = web.Application()
    sio.attach(app)

    async def say_goodbye(app: web.Application) -> None:
        await sio.emit("goodbye")

    app.on_shutdown.append(say_goodbye)
    server = await serve(app)
    url = server.make_url("/socket.io/?EIO=4&transport=websocket")
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as ws:
        await ws.receive()
        await ws.send_str("40")
        await ws.receive()
        await server.close()
        assert (await ws.receive()).data == '42["goodbye"]'
        assert (await ws.receive()).type == aiohttp.WSMsgType.CLOSE


async def test_a_middleware_sees_what_a_handshake_is_answered_with(serve: Serve) -> None:
    seen: list[tuple[str, int]] = []

    @web.middleware
    async def watch(request: web.Request, handler: Any) -> web.StreamResponse:
        response: web.StreamResponse = await handler(request)
        seen.append((request.query.get("transport", "plain"), response.status))
        return response

    sio = echo_server()
    app = web.Application(middlewares=[watch])
    sio.attach(app)
    app.router.add_get("/feed", rtserver.websocket_handler(lambda ws: ws.close()))
    server = await serve(app)
    async with aiohttp.ClientSession() as http:
        await http.get(server.make_url("/socket.io/?EIO=4&transport=polling"))
        for path in ("/socket.io/?EIO=4&transport=websocket", "/feed"):
            async with http.ws_connect(server.make_url(path)):
                pass
    assert seen == [("polling", 200), ("websocket", 101), ("plain", 101)]


async def test_a_server_in_a_sub_application_ends_with_it(serve: Serve) -> None:
    sio = echo_server()
    app, attached = web.Application(), web.Application()
    sio.attach(attached)
    app.add_subapp("/sub/", attached)
    server = await serve(app)
    url = server.make_url("/sub/socket.io/?EIO=4&transport=websocket")
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as ws:
        await ws.receive()
        await server.close()
        assert (await ws.receive()).data == 1001
    assert not sio.eio.is_running


async def test_options_reach_the_layer_that_they_are_for() -> None:
    mine = logging.getLogger("mine")
    mine.setLevel(logging.INFO)
    manager = MemoryManager()
    sio = rtserver.Server(
        client_manager=manager,
        logger=mine,
        json=json,
        async_handlers=False,
        namespaces="*",
        serializer="default",
        always_connect=True,
        ping_interval=(7, 3),
        ping_timeout=4,
        max_http_buffer_size=1234,
        allow_upgrades=False,
        http_compression=False,
        compression_threshold=99,
        cookie="io",
        cors_allowed_origins="*",
        cors_credentials=False,
        monitor_clients=False,
        transports=["polling"],
        connect_timeout=6,
        upgrade_timeout=8,
        max_buffer_size=2000,
        per_message_deflate=True,
        per_message_deflate_threshold=77,
        max_running_handlers=5,
        max_depth=9,
        max_event_name=10,
        max_attachments=11,
        slow_clients={"/prices": "conflate"},
        on_drop=print,
    )
    assert sio._hub.settings == Settings(
        namespaces=("*",),
        always_connect=True,
        serial=True,
        connect_timeout=6,
        max_held=2000,
        max_running=5,
        unnoticed=11,
        verbose=True,
        slow_clients={"/prices": SlowClientPolicy("conflate")},
        on_drop=print,
    )
    assert sio.manager is manager
    assert sio.logger is mine
    codec: Any = sio._hub.codec
    limits = codec.limits
    assert (limits.max_depth, limits.max_event_name, limits.max_attachments) == (9, 10, 11)
    options = sio.eio.options
    assert (options.ping_interval, options.ping_interval_advertised, options.ping_timeout) == (7, 10, 4)
    assert (options.max_payload, options.max_buffer_size, options.upgrade_timeout) == (1234, 2000, 8)
    assert (options.allow_upgrades, options.http_compression, options.compression_threshold) == (
        False,
        False,
        99,
    )
    assert options.transports == {"polling"}
    assert options.deflate is not None
    assert options.deflate.threshold == 77


async def test_defaults() -> None:
    sio = rtserver.Server()
    assert sio._hub.settings == Settings()
    options = sio.eio.options
    assert (options.ping_interval, options.ping_timeout, options.max_payload) == (25, 20, 1_000_000)
    assert (options.deflate, options.max_buffer_size) == (None, 16 * 1024 * 1024)
    assert sio.async_mode == "aiohttp"


@pytest.mark.parametrize(
    ("logger", "verbose"), [(False, False), (None, False), (True, True), (logging.getLogger("quiet"), False)]
)
def test_events_are_logged_only_where_that_is_wanted(logger: Any, verbose: bool) -> None:
    logging.getLogger("quiet").setLevel(logging.WARNING)
    level = logging.getLogger("rtserver.server").level
    try:
        assert rtserver.Server(logger=logger)._hub.settings.verbose is verbose
    finally:
        logging.getLogger("rtserver.server").setLevel(level)


async def test_one_clock_for_all_layers() -> None:
    sio = rtserver.Server()
    assert sio._hub.runtime().clock is sio.eio.clock


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"async_mode": "asgi"}, ValueError, "async_mode: received 'asgi'.*serve it beside"),
        ({"cookie": True}, TypeError, "cookie: received True, expected a name"),
        ({"serializer": "pickle"}, ValueError, "serializer"),
        ({"transports": ["carrier pigeon"]}, ValueError, "transports"),
        ({"client_manager": socketio.AsyncManager()}, TypeError, "rtserver.RedisManager.*python-socketio"),
        ({"no_such_option": 1}, TypeError, "no_such_option"),
    ],
)
def test_what_can_not_be_served_is_refused(options: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        rtserver.Server(**options)


@pytest.mark.parametrize("app", [socketio.ASGIApp(None), "app", None])
def test_an_application_of_another_framework_is_refused(app: Any) -> None:
    with pytest.raises(
        TypeError, match=r"app: received .*, expected an aiohttp.web.Application.*serve it beside"
    ):
        rtserver.Server().attach(app)


@pytest.mark.parametrize("arguments", [({"type": "http"}, None, None), ({}, None), (), ("request",)])
async def test_a_wrapper_of_another_framework_is_refused(arguments: Any) -> None:
    sio = rtserver.Server()
    with pytest.raises(
        TypeError, match=r"handle_request: received .*, expected an aiohttp.web.Request.*beside"
    ):
        await sio.handle_request(*arguments)
    assert not sio.eio.is_running
