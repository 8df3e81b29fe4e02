"""What docs/migrating-from-python-socketio.md says is different, seen on both servers.

`test_same_as_python_socketio.py` has what is the same.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
import socketio
from aiohttp import web

import rtserver

from .harness.events import EventLog
from .harness.node import Node, NodeSocket, Transport
from .harness.server import Host, Hosting
from .harness.transcript import Clients

LIBRARIES = {"python-socketio": socketio.AsyncServer, "rtserver": rtserver.Server}

pytestmark = pytest.mark.filterwarnings("default")  # python-socketio's own


@dataclass
class Side:
    """One of the two servers, served.

    Attributes:
        ours: Whether it is rtserver.
        sio: The server.
        log: What handlers note.
        clients: Connects to it.
        host: Its application.
    """

    ours: bool
    sio: rtserver.Server
    log: EventLog
    clients: Clients
    host: Host


Serve = Callable[..., Awaitable[Side]]


@pytest.fixture(params=LIBRARIES)
async def serve(request: pytest.FixtureRequest, node: Node, hosting: Hosting) -> AsyncIterator[Serve]:
    sides: list[Side] = []

    async def serve(*middlewares: Any, **options: Any) -> Side:
        sio = LIBRARIES[request.param](**options)
        app = web.Application(middlewares=middlewares)
        sio.attach(app)
        host = await hosting.app(app)
        side = Side(request.param == "rtserver", sio, EventLog("the server"), Clients(node, host.url), host)
        sides.append(side)
        return side

    yield serve
    for side in sides:
        await side.clients.disconnect()


async def outcome(awaitable: Awaitable[Any]) -> Any:
    """Return what a call returns, or the class of what it raises."""
    try:
        return await awaitable
    except Exception as error:  # noqa: BLE001 - its class is what is compared
        return type(error)


async def unanswered(side: Side, client: NodeSocket) -> bool:
    """Tell whether a client is told nothing, neither that it is connected nor that it isn't.

    A later client of the same connection is answered after it: what a connection sends is handled in its
    order, and so arrives what is sent to it.
    """
    side.sio.on("connect", lambda sid, environ, auth: None, namespace="/later")
    await side.clients.connect("/later", beside=client)
    return client.log.history == []


# Who comes in, and who leaves.


@pytest.mark.parametrize("handler", ["fails", "wrong arguments"])
async def test_a_connect_handler_that_fails(serve: Serve, handler: str) -> None:
    side = await serve()

    async def fails(sid: str, environ: Any, auth: Any) -> None:
        raise KeyError(sid)

    async def wrong(sid: str) -> None: ...

    side.sio.on("connect", fails if handler == "fails" else wrong)
    client = await side.clients.open()
    if side.ours:
        assert (await client.next("connect_error"))[0]["message"] == "Connection rejected by server"
    else:
        assert await unanswered(side, client)


async def test_a_connect_handler_without_auth_and_a_client_that_sends_it(serve: Serve) -> None:
    side = await serve()

    @side.sio.event
    async def connect(sid: str, environ: Any) -> None: ...

    client = await side.clients.open(auth={"token": 1})
    if side.ours:
        await client.connected()
    else:
        assert await unanswered(side, client)


async def test_disconnect_in_a_connect_handler(serve: Serve) -> None:
    side = await serve()

    @side.sio.event
    async def connect(sid: str, environ: Any, auth: Any) -> None:
        await side.sio.disconnect(sid)

    client = await side.clients.open()
    await client.next("connect_error" if side.ours else "connect")


async def test_a_client_that_is_refused_when_it_is_connected(serve: Serve) -> None:
    side = await serve(always_connect=True)

    @side.sio.event
    async def connect(sid: str, environ: Any, auth: Any) -> bool:
        return False

    client = await side.clients.connect()
    assert await client.next("disconnect") == ["io server disconnect" if side.ours else "parse error"]


async def test_the_end_of_the_application(serve: Serve) -> None:
    side = await serve()
    side.sio.on("disconnect", lambda sid, reason: side.log.add("disconnect", reason))
    client = await side.clients.connect()
    await side.host.close()
    await client.next("disconnect")
    assert await side.log.next("disconnect") == ["server shutting down" if side.ours else "transport close"]


# Rooms, and what is sent.


async def test_the_room_of_another_client(serve: Serve) -> None:
    side = await serve()
    watcher, watched = await side.clients.connect(), await side.clients.connect()
    expected = None if side.ours else ValueError
    assert await outcome(side.sio.enter_room(watcher.sid, watched.sid)) is expected
    await side.sio.emit("private", to=watched.sid)
    await watched.next("private")
    if side.ours:
        await watcher.next("private")
    assert await outcome(side.sio.close_room(watched.sid)) is expected


async def test_a_client_and_its_own_room(serve: Serve) -> None:
    side = await serve()
    client = await side.clients.connect()
    await side.sio.leave_room(client.sid, client.sid)
    assert (client.sid in side.sio.rooms(client.sid)) is side.ours


async def test_several_to_skip(serve: Serve) -> None:
    side = await serve()
    one, two = await side.clients.connect(), await side.clients.connect()
    await side.sio.emit("news", "tuple", skip_sid=(one.sid, two.sid))
    await side.sio.emit("news", "all")
    assert await one.next("news") == (["all"] if side.ours else ["tuple"])


async def test_the_number_zero_is_a_room(serve: Serve) -> None:
    side = await serve()
    one, two = await side.clients.connect(), await side.clients.connect()
    await side.sio.enter_room(one.sid, 0)
    await side.sio.emit("news", "zero", to=0)
    await side.sio.emit("news", "all")
    assert await one.next("news") == ["zero"]
    assert await two.next("news") == (["all"] if side.ours else ["zero"])


async def test_what_json_has_no_form_for(serve: Serve) -> None:
    side = await serve()
    client = await side.clients.connect()
    assert await outcome(side.sio.emit("day", date(2026, 11, 21))) is (None if side.ours else TypeError)
    if side.ours:
        assert await client.next("day") == ["2026-11-21"]
    await side.sio.emit("number", float("nan"))
    if side.ours:
        assert await client.next("number") == [None]
    else:
        assert await client.next("disconnect") == ["parse error"]


async def test_bytes_for_clients_of_both_transports(serve: Serve) -> None:
    side = await serve()
    await side.clients.connect(transport=Transport.WEBSOCKET)
    polling = await side.clients.connect(transport=Transport.POLLING)
    await side.sio.emit("bytes", b"\x00\x01")
    if side.ours:
        assert await polling.next("bytes") == [b"\x00\x01"]
    else:
        assert await polling.next("disconnect") == ["transport error"]


async def test_a_call_where_handlers_run_one_after_another(serve: Serve) -> None:
    side = await serve(async_handlers=False)
    client = await side.clients.connect()
    answer = await outcome(side.sio.call("echo", 1, to=client.sid, timeout=5))
    assert answer == (1 if side.ours else RuntimeError)


async def test_an_event_that_is_named_like_the_catch_all(serve: Serve) -> None:
    side = await serve()

    @side.sio.on("*")
    async def anything(event: str, sid: str, *args: Any) -> list[Any]:
        return [event, *args]

    client = await side.clients.connect()
    answer = await client.call("*", "somebody's sid", 1)
    assert answer == [["*", "somebody's sid", 1] if side.ours else [client.sid, 1]]


# What is beneath.


async def test_the_request_of_a_client(serve: Serve) -> None:
    side = await serve()

    @side.sio.event
    async def connect(sid: str, environ: Any) -> None:
        side.log.add("connect", "aiohttp.request" in environ)

    client = await side.clients.connect()
    assert await side.log.next("connect") == [True]
    environ = side.sio.get_environ(client.sid)
    assert environ is not None
    assert ("aiohttp.request" in environ) is not side.ours


async def test_a_middleware_around_a_websocket(serve: Serve) -> None:
    returned = asyncio.Event()

    @web.middleware
    async def watch(request: web.Request, handler: Any) -> Any:
        try:
            return await handler(request)
        finally:
            returned.set()

    side = await serve(watch)
    client = await side.clients.connect()
    assert returned.is_set() is side.ours
    await client.disconnect()
    async with asyncio.timeout(10):
        await returned.wait()


@pytest.mark.parametrize("library", LIBRARIES.values(), ids=LIBRARIES)
def test_a_parameter_that_does_not_exist(library: Any) -> None:
    misspelt: dict[str, Any] = {"ping_intervall": 5}
    if library is rtserver.Server:
        with pytest.raises(TypeError, match="ping_intervall"):
            library(**misspelt)
    else:
        library(**misspelt)


async def test_a_handler_that_fails_is_logged(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    side = await serve()

    @side.sio.event
    async def fails(sid: str) -> None:
        raise KeyError(sid)

    @side.sio.event
    async def settle(sid: str) -> None: ...

    client = await side.clients.connect()
    with caplog.at_level(logging.ERROR):
        await client.emit("fails")
        await client.call("settle")
        gc.collect()  # a task that has failed says so at its end
    expected = (
        ("rtserver.server", "the handler of 'fails' failed for client ")
        if side.ours
        else ("asyncio", "Task exception was never retrieved\n")
    )
    of_the_client = [record for record in caplog.records if client.sid in record.getMessage()]
    assert [(record.name, record.getMessage()[: len(expected[1])]) for record in of_the_client] == [expected]
