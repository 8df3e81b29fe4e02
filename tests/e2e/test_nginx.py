"""Behind nginx, which ends TLS and serves the application under a path of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from .harness.cases import every_client, every_transport
from .harness.certificate import Certificate
from .harness.nginx import Nginx
from .harness.node import Node, Transport
from .harness.server import Hosting, make_server, recorded

PATH = "/realtime/socket.io/"


@every_client
@every_transport
@pytest.mark.parametrize("lane", [False, True], ids=["aiohttp", "lane"])
async def test_a_page_of_the_proxys_origin(
    node: Node,
    hosting: Hosting,
    certificate: Certificate,
    tmp_path: Path,
    *,
    kind: str,
    transport: Transport,
    lane: bool,
) -> None:
    sio = make_server()  # the same origin only
    log = recorded(sio, "echo")
    host = await hosting.server(sio, lane=lane)
    async with Nginx(tmp_path, host.port, certificate) as nginx:
        client = await node.connect(
            nginx.url,
            kind,
            transport,
            path=PATH,
            ca=certificate.authority,
            extraHeaders={"Origin": nginx.url},
        )
        _, environ, _ = await log.next("connect")
        assert environ["HTTP_ORIGIN"] == nginx.url
        assert environ["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"
        answers = await asyncio.gather(
            *(client.call("echo", number, b"\x00" * 20_000, "é" * 1000) for number in range(20))
        )
        assert answers == [[number, b"\x00" * 20_000, "é" * 1000] for number in range(20)]
        assert sio.transport(client.sid) == transport.final
        await client.disconnect()
        assert await log.next("disconnect") == [client.sid, "client disconnect"]

        manager = await node.manager(
            nginx.url,
            kind,
            transports=transport.names,
            path=PATH,
            ca=certificate.authority,
            extraHeaders={"Origin": "https://evil.example"},
            reconnection=False,
        )
        await (await manager.socket()).next("connect_error")
        assert len(sio.eio.sessions) <= 1


async def test_the_end_is_seen_through_the_proxy(
    hosting: Hosting, certificate: Certificate, tmp_path: Path
) -> None:
    sio = make_server()
    log = recorded(sio)
    host = await hosting.server(sio)
    async with Nginx(tmp_path, host.port, certificate) as nginx:
        url = f"{nginx.url.replace('https', 'wss')}{PATH}?EIO=4&transport=websocket"
        async with connect(url, ssl=certificate.client) as websocket:
            await websocket.send("40")
            sid, _, _ = await log.next("connect")
            await websocket.close()
        assert await log.next("disconnect") == [sid, "transport close"]
        async with connect(url, ssl=certificate.client) as websocket:
            await websocket.recv()
            await host.close()
            with pytest.raises(ConnectionClosed) as closed:
                await websocket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001


async def test_only_encrypted_requests_if_so_wanted(
    node: Node, hosting: Hosting, certificate: Certificate, tmp_path: Path
) -> None:
    sio = make_server(trusted_proxies=["127.0.0.1"], secure_only=True)
    host = await hosting.server(sio)
    async with Nginx(tmp_path, host.port, certificate) as nginx:
        client = await node.connect(
            nginx.url,
            path=PATH,
            ca=certificate.authority,
            extraHeaders={"X-Forwarded-For": "203.0.113.7"},
        )
        handshake = sio.socket(client.sid).handshake
        assert handshake.secure
        assert handshake.address == "203.0.113.7"  # told by an address that is trusted, as all here are
        for transport in (Transport.POLLING, Transport.WEBSOCKET):
            manager = await node.manager(host.url, transports=transport.names, reconnection=False)
            refused = await manager.socket("/", None)
            await refused.next("connect_error")
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{host.url}/socket.io/?EIO=4&transport=polling") as answer,
        ):
            assert answer.status == 403
            message = "Forbidden: received an unencrypted request, expected https:// or wss://"
            assert await answer.json() == {"code": 4, "message": message}
