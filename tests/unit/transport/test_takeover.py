"""aiohttp lets go: nothing of its objects for a connection stays, on either loop and over TLS."""

from __future__ import annotations

import asyncio
import gc
import logging
import ssl
from collections.abc import Callable, Iterator
from typing import Any, cast

import aiohttp
import pytest
import trustme
from aiohttp import http_parser, web, web_protocol
from aiohttp.http_writer import StreamWriter

from rtserver.transport import takeover
from rtserver.transport.takeover import INTERNALS, Rest, TakenResponse
from tests.support.engine import RawClient, listening, upgrade_request


class Echo(asyncio.Protocol):
    """A protocol of our own: answers what it gets."""

    def __init__(self) -> None:
        self.received = b""
        self.lost = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None

    def data_received(self, data: bytes) -> None:
        self.received += data
        assert self.transport is not None
        self.transport.write(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.lost.set_result(exc)


class Site:
    """An application whose route takes connections over."""

    def __init__(self) -> None:
        self.app = web.Application()
        self.app.router.add_route("*", "/ws", self.handle)
        self.app.router.add_get("/plain", self.plain)
        self.echo: Echo | None = None
        self.rest: Rest | None = None
        self.pause: asyncio.Event | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if self.pause is not None:
            await self.pause.wait()
        await request.read()
        if request.headers.get("Upgrade") is None:
            self.rest = takeover.rest_of(request)
            if self.rest is not Rest.NOTHING:
                response = web.Response(text="not taken")
                if self.rest is Rest.PARTIAL:
                    response.force_close()
                return response
        self.echo = echo = Echo()
        taken = takeover.take_over(request, echo)
        echo.transport = taken.transport
        echo.transport.write(b"hello ")
        if taken.tail:
            echo.data_received(taken.tail)
        return TakenResponse()

    async def plain(self, request: web.Request) -> web.Response:
        return web.Response(text="plain")


@pytest.fixture
def site() -> Site:
    return Site()


async def connect(port: int, tls: ssl.SSLContext | None = None) -> RawClient:
    return RawClient(
        *await asyncio.open_connection(
            "127.0.0.1", port, ssl=tls, server_hostname="rtserver.example" if tls else None
        )
    )


def test_aiohttp_has_the_internals() -> None:
    """When this fails, aiohttp has changed: read takeover.py against the new version before anything else."""
    owners: dict[type, Any] = {
        web_protocol.RequestHandler: web_protocol.RequestHandler(
            cast(Any, FakeManager()), loop=asyncio.new_event_loop()
        ),
        web.Server: None,
    }
    loop = owners[web_protocol.RequestHandler]._loop
    server = web.Server(cast(Any, None), loop=loop)
    owners[web.Server] = server
    for owner, names in INTERNALS.items():
        subject = owners.get(owner, owner)
        missing = [name for name in names if not hasattr(subject, name) and name not in _declared(owner)]
        assert not missing, f"{owner.__name__} of this aiohttp has no {', '.join(missing)}"
    loop.close()


class FakeManager:
    request_handler = None
    request_factory = None


def _declared(owner: type) -> set[str]:
    names: set[str] = set()
    for each in owner.__mro__:
        names.update(getattr(each, "__slots__", ()))
        names.update(getattr(each, "ATTRS", ()))
    return names


def test_aiohttp_is_a_version_that_was_read() -> None:
    assert aiohttp.__version__.startswith("3.14."), "read takeover.py against this version of aiohttp"


def test_the_compiled_parser_is_there() -> None:
    assert http_parser.HttpRequestParser is http_parser.HttpRequestParserC


async def taken(site: Site, port: int, tls: ssl.SSLContext | None = None) -> RawClient:
    client = await connect(port, tls)
    client.write(upgrade_request("/ws"))
    assert await client.reader.readexactly(6) == b"hello "
    return client


def alive(*kinds: type) -> list[object]:
    return [each for each in gc.get_objects() if isinstance(each, kinds)]


async def settle() -> None:
    """Let the loop run what is ready, several times."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def no_cycles() -> Iterator[None]:
    """Collect no cycles during the test: what only a collection would free counts as alive.

    What earlier tests left is set aside: aiohttp caches applications, and their handlers may hold requests.
    """
    gc.collect()
    gc.freeze()
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


OBJECTS = (web_protocol.RequestHandler, web.Request, StreamWriter, http_parser.HttpRequestParserC)


@pytest.mark.usefixtures("no_cycles")
async def test_nothing_of_aiohttp_stays(site: Site) -> None:
    async with listening(site.app) as (runner, port):
        client = await taken(site, port)
        await settle()
        assert alive(*OBJECTS) == []
        assert runner.server is not None
        assert runner.server.connections == []
        tasks = asyncio.all_tasks() - {cast("asyncio.Task[Any]", asyncio.current_task())}
        assert tasks == set()
        client.write(b"there")
        assert await client.reader.readexactly(5) == b"there"
        client.close()
        assert site.echo is not None
        assert await site.echo.lost is None


async def test_over_tls(site: Site) -> None:
    authority = trustme.CA()
    server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("rtserver.example").configure_cert(server_tls)
    client_tls = ssl.create_default_context()
    authority.configure_trust(client_tls)
    async with listening(site.app, tls=server_tls) as (_, port):
        client = await taken(site, port, client_tls)
        client.write(b"secret")
        assert await client.reader.readexactly(6) == b"secret"
        client.close()
        assert site.echo is not None
        await site.echo.lost


async def test_bytes_behind_the_request_are_handed_over(site: Site) -> None:
    async with listening(site.app) as (_, port):
        client = await connect(port)
        client.write(upgrade_request("/ws") + b"behind")
        assert await client.reader.readexactly(12) == b"hello behind"


async def test_paused_reading_is_resumed(site: Site) -> None:
    site.pause = asyncio.Event()
    size = 5_000_000
    async with listening(site.app) as (_, port):
        client = await connect(port)
        client.write(upgrade_request("/ws") + bytes(size))
        await settle()
        site.pause.set()
        assert await client.reader.readexactly(6 + size) == b"hello " + bytes(size)


async def test_nothing_is_logged(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    asyncio.get_running_loop().set_debug(False)
    with caplog.at_level(logging.DEBUG):
        async with listening(site.app) as (_, port):
            client = await taken(site, port)
            client.close()
            assert site.echo is not None
            await site.echo.lost
    assert [record for record in caplog.records if record.name.startswith("aiohttp")] == []


async def test_the_runner_ends_without_waiting_for_it(site: Site) -> None:
    async with listening(site.app) as (runner, port), asyncio.timeout(5):
        client = await taken(site, port)
        await runner.cleanup()
        client.write(b"still here")
        assert await client.reader.readexactly(10) == b"still here"


async def test_a_client_that_has_gone(site: Site) -> None:
    site.pause = asyncio.Event()
    errors: list[BaseException] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        watched = asyncio.Event()
        takeover.watch_disconnect(request, watched.set)
        await watched.wait()
        try:
            takeover.take_over(request, Echo())
        except ConnectionResetError as error:
            errors.append(error)
            done.set()
        return TakenResponse()

    done = asyncio.Event()
    site.app.router.add_get("/gone", handle)
    async with listening(site.app) as (_, port):
        client = await connect(port)
        client.write(upgrade_request("/gone"))
        await client.writer.drain()
        client.close()
        await done.wait()
    assert len(errors) == 1


async def test_a_middleware_may_touch_the_response(site: Site) -> None:
    @web.middleware
    async def middleware(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        response = await handler(request)
        assert isinstance(response, web.StreamResponse)
        response.headers["X-Seen"] = "1"
        return response

    site.app.middlewares.append(middleware)
    async with listening(site.app) as (_, port):
        client = await taken(site, port)
        client.write(b"ok")
        assert await client.reader.readexactly(2) == b"ok"


REQUEST = b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


class TestRest:
    """Whether aiohttp's parser holds something of a further request."""

    async def test_nothing(self, site: Site) -> None:
        async with listening(site.app) as (_, port):
            client = await connect(port)
            client.write(REQUEST)
            assert await client.reader.readexactly(6) == b"hello "
            assert site.rest is Rest.NOTHING

    async def test_nothing_behind_a_body(self, site: Site) -> None:
        async with listening(site.app) as (_, port):
            client = await connect(port)
            client.write(b"POST /ws HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
            assert await client.reader.readexactly(6) == b"hello "
            assert site.rest is Rest.NOTHING

    @pytest.mark.parametrize("size", range(1, len(REQUEST)))
    async def test_a_part_of_the_same_request_again(self, site: Site, size: int) -> None:
        """The parser has swallowed it: the connection can't be taken over, and must end."""
        async with listening(site.app) as (_, port):
            client = await connect(port)
            client.write(REQUEST + REQUEST[:size])
            answer = await client.answer()
            assert answer.body == b"not taken"
            assert answer.headers["connection"] == "close"
            assert site.rest is Rest.PARTIAL
            assert await client.at_end()

    async def test_a_whole_request(self, site: Site) -> None:
        async with listening(site.app) as (_, port):
            client = await connect(port)
            client.write(REQUEST + b"GET /plain HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await client.answer()).body == b"not taken"
            assert (await client.answer()).body == b"plain"
            assert site.rest is Rest.QUEUED

    async def test_a_body_that_is_not_complete(self, site: Site) -> None:
        rests = []

        async def handle(request: web.Request) -> web.Response:
            rests.append(takeover.rest_of(request))
            return web.Response(text=(await request.read()).decode())

        site.app.router.add_post("/body", handle)
        async with listening(site.app) as (_, port):
            client = await connect(port)
            client.write(b"POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbo")
            await settle()
            client.write(b"dy")
            assert (await client.answer()).body == b"body"
            assert rests == [Rest.QUEUED]


async def test_hand_over_gives_aiohttp_a_connection(site: Site) -> None:
    class Giver(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.Transport, transport)

        def data_received(self, data: bytes) -> None:
            takeover.hand_over(server, self.transport, data, False)

    runner = web.AppRunner(site.app, access_log=None)
    await runner.setup()
    assert runner.server is not None
    server = runner.server
    listener = await asyncio.get_running_loop().create_server(Giver, "127.0.0.1", 0)
    client = await connect(listener.sockets[0].getsockname()[1])
    for _ in range(2):
        assert (await client.get("/plain")).body == b"plain"
    assert len(server.connections) == 1
    await client.end()
    listener.close()
    await runner.cleanup()


async def test_hand_over_while_writing_is_paused(site: Site) -> None:
    """The transport will call `resume_writing`, which aiohttp's handler must expect."""
    handlers: list[web_protocol.RequestHandler] = []

    class Transport(asyncio.Transport):
        def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
            assert isinstance(protocol, web_protocol.RequestHandler)
            handlers.append(protocol)

        def is_closing(self) -> bool:
            return False

        def resume_reading(self) -> None:
            pass

        def close(self) -> None:
            pass

    runner = web.AppRunner(site.app, access_log=None)
    await runner.setup()
    assert runner.server is not None
    takeover.hand_over(runner.server, Transport(), b"", True)
    handlers[0].resume_writing()
    await runner.cleanup()


async def test_close_with_a_server(site: Site) -> None:
    calls = []

    class Closable:
        def close(self) -> None:
            calls.append("close")

        async def shutdown(self, timeout: float | None) -> None:  # noqa: ASYNC109
            calls.append("shutdown")

    async with listening(site.app) as (runner, _):
        assert runner.server is not None
        takeover.close_with(runner.server, Closable())
    assert calls == ["close", "shutdown"]
