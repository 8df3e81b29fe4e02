"""The ways to serve: both loops, TLS, the fast lane, sub-applications, beside other routes; and the end."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from .harness.certificate import Certificate
from .harness.node import KINDS, Node, NodeSocket, Transport
from .harness.server import Host, Hosting, make_server, recorded

every_way = pytest.mark.parametrize("lane", [False, True], ids=["aiohttp", "lane"])


async def workout(node: Node, url: str, sio: Any, **options: Any) -> list[NodeSocket]:
    """Use a server with clients of every version over every transport; returns the clients, connected."""

    async def one(kind: str, transport: Transport) -> NodeSocket:
        client = await node.connect(url, kind, transport, **options)
        for data in ("é😀", b"\x00\xff" * 50_000, {"mixed": [b"1", "2"]}, "x" * 200_000):
            assert await client.call("echo", data) == [data]
        return client

    clients = await asyncio.gather(*(one(kind, transport) for kind in KINDS for transport in Transport))
    await sio.emit("news", ["everyone", b"\x89PNG"])
    for client in clients:
        assert await client.next("news") == [["everyone", b"\x89PNG"]]
        assert await sio.call("question", "really?", to=client.sid) == "really?"
    return clients


@every_way
@pytest.mark.both_loops
async def test_http(node: Node, hosting: Hosting, lane: bool) -> None:
    sio = make_server()
    recorded(sio, "echo")
    host = await hosting.server(sio, lane=lane)
    await workout(node, host.url, sio)


@every_way
@pytest.mark.both_loops
async def test_tls(node: Node, hosting: Hosting, certificate: Certificate, lane: bool) -> None:
    sio = make_server()
    log = recorded(sio, "echo")
    host = await hosting.server(sio, certificate.server, lane=lane)
    await workout(node, host.url, sio, ca=certificate.authority)
    _, environ, _ = await log.next("connect")
    assert environ["wsgi.url_scheme"] == "https"


@every_way
async def test_compressed_websockets(node: Node, hosting: Hosting, lane: bool) -> None:
    sio = make_server(per_message_deflate=True)
    recorded(sio, "echo")
    host = await hosting.server(sio, lane=lane)
    await workout(node, host.url, sio, perMessageDeflate={"threshold": 100})
    async with connect(f"{host.websocket_url}/socket.io/?EIO=4&transport=websocket") as websocket:
        assert websocket.response is not None
        assert "permessage-deflate" in websocket.response.headers["Sec-WebSocket-Extensions"]
        await websocket.recv()
        await websocket.send("40")
        await websocket.recv()
        await websocket.send('421["echo","' + "a" * 500_000 + '"]')
        assert await websocket.recv() == '431["' + "a" * 500_000 + '"]'


async def test_a_sub_application_beside_another_server(node: Node, hosting: Hosting) -> None:
    here, there = make_server(), make_server()
    recorded(here, "echo")
    recorded(there, "echo")
    app, sub = web.Application(), web.Application()
    here.attach(app)
    there.attach(sub, "live/events")
    app.add_subapp("/tenant/", sub)
    host = await hosting.app(app)
    await workout(node, host.url, here)
    await workout(node, host.url, there, path="/tenant/live/events")
    assert here.counters.connects == there.counters.connects == 9


async def test_the_lane_of_a_sub_path(node: Node, hosting: Hosting) -> None:
    sio = make_server()
    recorded(sio, "echo")
    app = web.Application()
    sio.attach(app, "live/events")
    host = await hosting.app(app, lane=sio)
    await workout(node, host.url, sio, path="/live/events/")


@every_way
@pytest.mark.both_loops
async def test_other_routes_on_the_same_connection(hosting: Hosting, lane: bool) -> None:
    """Mix polling with an application's own requests on one kept-alive connection."""
    sio = make_server()
    recorded(sio, "echo")
    app = web.Application()
    sio.attach(app)

    async def hello(request: web.Request) -> web.Response:
        return web.Response(text=f"hello {await request.text()}")

    app.router.add_route("*", "/hello", hello)
    host = await hosting.app(app, lane=sio if lane else None)
    polling = f"{host.url}/socket.io/?EIO=4&transport=polling"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        for round_ in range(3):
            async with session.get(f"{host.url}/hello") as response:
                assert await response.text() == "hello "
            async with session.get(polling) as response:
                opened = await response.text()
                assert opened.startswith("0{")
            sid = opened.split('"sid":"')[1].split('"')[0]
            async with session.post(f"{host.url}/hello", data="x" * 100_000) as response:
                assert await response.text() == "hello " + "x" * 100_000
            async with session.post(f"{polling}&sid={sid}", data="40") as response:
                assert await response.text() == "ok"
            async with session.get(f"{polling}&sid={sid}") as response:
                assert (await response.text()).startswith("40{")
            async with session.post(
                f"{polling}&sid={sid}", data=f'421["echo",{round_}]\x1e422["echo","é"]'.encode()
            ) as response:
                assert response.status == 200
            async with session.get(f"{polling}&sid={sid}") as response:
                assert (await response.text()) == f'431[{round_}]\x1e432["é"]'
            async with session.get(f"{host.url}/missing") as response:
                assert response.status == 404


async def test_middlewares_and_signals_of_the_application_see_the_requests(
    node: Node, hosting: Hosting
) -> None:
    sio = make_server()
    recorded(sio, "echo")
    seen: list[str] = []

    @web.middleware
    async def note(request: web.Request, handler: Any) -> web.StreamResponse:
        seen.append(request.query.get("transport", ""))
        response: web.StreamResponse = await handler(request)
        return response

    async def sign(request: web.Request, response: web.StreamResponse) -> None:
        response.headers["X-Signed"] = "yes"

    app = web.Application(middlewares=[note])
    app.on_response_prepare.append(sign)
    sio.attach(app)
    host = await hosting.app(app)
    await workout(node, host.url, sio)
    assert set(seen) == {"polling", "websocket"}
    async with connect(f"{host.websocket_url}/socket.io/?EIO=4&transport=websocket") as websocket:
        assert websocket.response is not None
        assert websocket.response.headers["X-Signed"] == "yes"


@every_way
@pytest.mark.both_loops
async def test_the_end_of_the_host_closes_websockets_with_1001(
    node: Node, hosting: Hosting, lane: bool
) -> None:
    sio = make_server()
    log = recorded(sio)
    host = await hosting.server(sio, lane=lane)
    clients = [await node.connect(host.url, "4", transport) for transport in Transport]
    async with connect(f"{host.websocket_url}/socket.io/?EIO=4&transport=websocket") as websocket:
        await websocket.recv()
        async with asyncio.timeout(3):
            await host.close()
        with pytest.raises(ConnectionClosed) as closed:
            await websocket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
    for client in clients:
        assert await client.next("disconnect") == ["transport close"]
        sid, reason = await log.next("disconnect")
        assert (sid in {each.sid for each in clients}, reason) == (True, "server shutting down")
    assert len(sio.eio.sessions) == 0


@every_way
async def test_the_end_of_a_host_with_unfinished_business(hosting: Hosting, lane: bool) -> None:
    """Close while requests wait, handshakes hang and clients don't answer the close frame."""
    sio = make_server()
    log = recorded(sio)
    host = await hosting.server(sio, lane=lane)
    async with aiohttp.ClientSession() as session:
        polling = f"{host.url}/socket.io/?EIO=4&transport=polling"
        async with session.get(polling) as response:
            sid = (await response.text()).split('"sid":"')[1].split('"')[0]
        async with session.post(f"{polling}&sid={sid}", data="40") as response:
            assert response.status == 200
        async with session.get(f"{polling}&sid={sid}") as response:
            assert response.status == 200
        waiting = asyncio.create_task(session.get(f"{polling}&sid={sid}"))
        silent = await mute_websocket(host)
        _, half_open = await asyncio.open_connection("127.0.0.1", host.port)
        half_open.write(b"GET /socket.io/?EIO=4&transp")
        await log.next("connect")
        async with asyncio.timeout(10):
            await host.close()
        answer = await waiting
        assert await answer.text() in {"1", "6", ""}
        answer.release()
        for writer in (silent, half_open):
            writer.close()
        assert (await log.next("disconnect"))[1] == "server shutting down"
    assert len(sio.eio.sessions) == 0


async def mute_websocket(host: Host) -> asyncio.StreamWriter:
    """Open a WebSocket session and never read or write again."""
    reader, writer = await asyncio.open_connection("127.0.0.1", host.port)
    writer.write(
        f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:{host.port}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    return writer
