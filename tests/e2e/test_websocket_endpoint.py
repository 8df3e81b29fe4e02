"""Plain WebSocket endpoints, and Engine.IO spoken by hand, with the client of the `websockets` package."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.typing import Subprotocol

import rtserver

from .harness.certificate import Certificate
from .harness.events import EventLog
from .harness.server import Host, Hosting, make_server, recorded

pytestmark = pytest.mark.both_loops


async def echo(ws: rtserver.WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


async def serve(
    hosting: Hosting,
    handler: Callable[[rtserver.WebSocket], Awaitable[object]] = echo,
    tls: Any = None,
    **options: Any,
) -> Host:
    app = web.Application()
    app.router.add_get("/feed", rtserver.websocket_handler(handler, **options))
    return await hosting.app(app, tls)


def feed(host: Host) -> str:
    return f"{host.websocket_url}/feed"


async def closing(websocket: ClientConnection) -> tuple[int, str]:
    """Wait for the connection's end and return the code and reason that the server sent."""
    async with asyncio.timeout(10):
        with suppress(ConnectionClosed):
            async for _ in websocket:
                pass
        with pytest.raises(ConnectionClosed) as closed:
            await websocket.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


MESSAGES: list[str | bytes] = [
    "",
    b"",
    "é😀\x00\x1e",
    bytes(range(256)),
    "x" * 125,
    "x" * 126,
    b"x" * 65_535,
    b"x" * 65_536,
    "é" * 499_000,
]


@pytest.mark.parametrize("compression", [None, True], ids=["plain", "deflate"])
async def test_messages_of_every_size(hosting: Hosting, compression: bool | None) -> None:
    host = await serve(hosting, compression=compression)
    async with connect(feed(host)) as websocket:
        assert websocket.response is not None
        assert ("Sec-WebSocket-Extensions" in websocket.response.headers) is (compression is True)
        for message in MESSAGES:
            await websocket.send(message)
            assert await websocket.recv() == message
        for message in MESSAGES:
            await websocket.send(message)
        assert [await websocket.recv() for _ in MESSAGES] == MESSAGES


@pytest.mark.parametrize("window", [9, 12, 15])
@pytest.mark.parametrize("takeover", [True, False])
async def test_compression_as_negotiated(hosting: Hosting, window: int, takeover: bool) -> None:
    host = await serve(hosting, compression=rtserver.DeflateOptions(threshold=0))
    offer = ClientPerMessageDeflateFactory(
        server_no_context_takeover=not takeover,
        client_no_context_takeover=not takeover,
        server_max_window_bits=window,
        client_max_window_bits=window,
    )
    async with connect(feed(host), extensions=[offer], compression=None) as websocket:
        for number in range(50):
            message = json.dumps({"number": number, "text": "again and again " * number})
            await websocket.send(message)
            assert await websocket.recv() == message


@pytest.mark.parametrize("compression", [None, True], ids=["plain", "deflate"])
async def test_fragmented_messages(hosting: Hosting, compression: bool | None) -> None:
    host = await serve(hosting, compression=compression)
    async with connect(feed(host)) as websocket:
        await websocket.send(["one ", "two ", "", "thr", "ee é😀"])
        assert await websocket.recv() == "one two three é😀"
        await websocket.send([b"\x00" * 70_000, b"", b"\xff" * 5])
        assert await websocket.recv() == b"\x00" * 70_000 + b"\xff" * 5

        async def with_pings() -> Any:
            for part in ("a", "b", "c"):
                yield part
                async with asyncio.timeout(5):
                    await (await websocket.ping())

        await websocket.send(with_pings())
        assert await websocket.recv() == "abc"


async def test_a_message_over_the_limit(hosting: Hosting) -> None:
    host = await serve(hosting, max_message_size=1000, compression=True)
    async with connect(feed(host)) as websocket:
        await websocket.send("x" * 1000)
        assert await websocket.recv() == "x" * 1000
        await websocket.send("x" * 1001)  # 20 bytes when compressed
        code, _ = await closing(websocket)
        assert code == 1009


async def test_close_codes(hosting: Hosting, caplog: pytest.LogCaptureFixture) -> None:
    log = EventLog("the endpoint")

    async def handler(ws: rtserver.WebSocket) -> None:
        try:
            async for message in ws:
                if message == "return":
                    return
                if message == "raise":
                    raise ValueError("a bug in the application")
                if message == "close":
                    await ws.close(4321, "dénouement")
                    with pytest.raises(rtserver.ConnectionClosed):
                        await ws.send("too late")
        finally:
            log.add("closed", ws.close_code, ws.close_reason)

    host = await serve(hosting, handler)
    for message, expected in (("return", (1000, "")), ("raise", (1011, "")), ("close", (4321, "dénouement"))):
        async with connect(feed(host)) as websocket:
            await websocket.send(message)
            assert await closing(websocket) == expected
        closed = await log.next("closed")
        assert message != "close" or closed == [4321, "dénouement"]
    assert "a bug in the application" in caplog.text

    async with connect(feed(host)) as websocket:
        await websocket.close(3000, "the client's wish")
    assert await log.next("closed") == [3000, "the client's wish"]
    async with connect(feed(host)) as websocket:
        websocket.transport.abort()
    assert (await log.next("closed"))[0] == 1006


async def test_subprotocols_in_the_servers_order(hosting: Hosting) -> None:
    log = EventLog("the endpoint")

    async def handler(ws: rtserver.WebSocket) -> None:
        log.add("chosen", ws.subprotocol, ws.request.query.get("q"))

    host = await serve(hosting, handler, subprotocols=["v2.feed", "v1.feed"])
    names = [Subprotocol(name) for name in ("v0.feed", "v1.feed", "v2.feed")]
    async with connect(feed(host) + "?q=1", subprotocols=names) as websocket:
        assert websocket.subprotocol == "v2.feed"
    assert await log.next("chosen") == ["v2.feed", "1"]
    async with connect(feed(host), subprotocols=names[:1]) as websocket:
        assert websocket.subprotocol is None
    assert await log.next("chosen") == [None, None]


async def test_pings_both_ways(hosting: Hosting) -> None:
    latency: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    async def handler(ws: rtserver.WebSocket) -> None:
        while ws.latency is None:
            await ws.receive()
        latency.set_result(ws.latency)
        await ws.receive()

    host = await serve(hosting, handler, ping_interval=0.05)
    async with connect(feed(host)) as websocket:
        async with asyncio.timeout(10):
            await (await websocket.ping(b"payload"))
            while not latency.done():
                await websocket.send("look again")
                await (await websocket.ping())
        assert 0 < await latency < 5


async def test_a_client_that_answers_no_ping_is_dropped(hosting: Hosting) -> None:
    log = EventLog("the endpoint")

    async def handler(ws: rtserver.WebSocket) -> None:
        with pytest.raises(rtserver.ConnectionClosed):
            await ws.receive()
        log.add("closed", ws.close_code)

    host = await serve(hosting, handler, ping_interval=0.1, ping_timeout=0.1)
    async with connect(feed(host)) as websocket:
        websocket.transport.pause_reading()
        assert await log.next("closed") == [1006]
        websocket.transport.abort()


async def test_origins(hosting: Hosting) -> None:
    host = await serve(hosting, allowed_origins=["https://app.example"])
    async with connect(feed(host), origin="https://app.example") as websocket:  # type: ignore[arg-type]
        await websocket.send("hello")
        assert await websocket.recv() == "hello"
    with pytest.raises(InvalidStatus) as refused:
        await connect(feed(host), origin="https://evil.example")  # type: ignore[arg-type]
    assert refused.value.response.status_code == 403
    assert b"https://evil.example" in refused.value.response.body
    assert b"https://app.example" in refused.value.response.body


async def test_the_end_of_the_host_closes_with_1001(hosting: Hosting) -> None:
    log = EventLog("the endpoint")

    async def handler(ws: rtserver.WebSocket) -> None:
        async for message in ws:
            await ws.send(message)
        log.add("done", ws.close_code)

    host = await serve(hosting, handler)
    async with connect(feed(host)) as websocket:
        await websocket.send("hello")
        await websocket.recv()
        async with asyncio.timeout(5):
            await host.close()
        assert (await closing(websocket))[0] == 1001
    assert await log.next("done") == [1001]


async def test_tls(hosting: Hosting, certificate: Certificate) -> None:
    host = await serve(hosting, tls=certificate.server, compression=True)
    async with connect(feed(host), ssl=certificate.client) as websocket:
        for message in MESSAGES:
            await websocket.send(message)
            assert await websocket.recv() == message


async def test_flow_control_both_ways(hosting: Hosting) -> None:
    """Let the handler fall behind: the client's sends wait, and so does the handler's when the client is."""
    read, sent = asyncio.Event(), 0
    total = 400

    async def handler(ws: rtserver.WebSocket) -> None:
        nonlocal sent
        await read.wait()
        for _ in range(total):
            assert len(await ws.receive()) == 100_000
        for _ in range(total):
            await ws.send(b"y" * 100_000)
            sent += 1
        await ws.receive()

    host = await serve(hosting, handler)
    async with connect(feed(host), max_queue=1, compression=None) as websocket:

        async def send_all() -> None:
            for _ in range(total):
                await websocket.send(b"x" * 100_000)

        sending = asyncio.create_task(send_all())
        _, pending = await asyncio.wait([sending], timeout=0.5)
        assert pending, "40 MB were taken from a client whose handler reads nothing"
        read.set()
        async with asyncio.timeout(20):
            await sending
            await websocket.recv()
            assert sent < total
            for _ in range(total - 1):
                await websocket.recv()
        await websocket.send("thanks")


async def test_engine_io_and_socket_io_by_hand(hosting: Hosting) -> None:
    sio = make_server(ping_interval=0.2, ping_timeout=1)
    log = recorded(sio, "echo")
    host = await hosting.server(sio)
    async with connect(f"{host.websocket_url}/socket.io/?EIO=4&transport=websocket") as websocket:
        opened = await websocket.recv()
        assert isinstance(opened, str)
        assert opened[0] == "0"
        handshake = json.loads(opened[1:])
        assert handshake.keys() == {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"}
        assert (handshake["upgrades"], handshake["pingInterval"], handshake["pingTimeout"]) == ([], 200, 1000)
        await websocket.send('40{"token":"é"}')
        sid, _, auth = await log.next("connect")
        assert auth == {"token": "é"}
        assert await websocket.recv() == f'40{{"sid":"{sid}"}}'
        assert sid != handshake["sid"]
        await websocket.send('4217["echo",{"a":[1,2.5,null]},"é"]')
        assert await websocket.recv() == '4317[{"a":[1,2.5,null]},"é"]'
        await websocket.send(['451-1["echo",{"_placeholder":', 'true,"num":0}]'])
        await websocket.send(b"\x00\xff")
        assert await websocket.recv() == '461-1[{"_placeholder":true,"num":0}]'
        assert await websocket.recv() == b"\x00\xff"
        for _ in range(3):
            assert await websocket.recv() == "2"
            await websocket.send("3")
        await websocket.send("41")
        assert await log.next("disconnect") == [sid, "client disconnect"]
