"""Polling and upgrades with several worker processes, and nothing that sends a client back to the same one.

The supervisor gives each connection to any worker, and so does a proxy each request: most requests come to a
worker that doesn't have their session.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
import socketio

from .harness.certificate import Certificate
from .harness.command import TIMEOUT, Command, Commands
from .harness.nginx import SITE, Nginx
from .harness.node import Node, NodeSocket, Transport

WORKERS = 4
BACK = {"reconnection": True, "reconnectionDelay": 10}
PATH = "/realtime/socket.io/"

APPLICATION = """\
import os

from aiohttp import web


async def setup(server, host):
    @server.event
    async def connect(sid, environ):
        await server.enter_room(sid, "all")
        await server.save_session(sid, environ["wsgi.url_scheme"] + " " + environ["REMOTE_ADDR"])

    @server.event
    async def echo(sid, *args):
        return args

    @server.event
    async def say(sid, text):
        await server.emit("said", text, room="all")

    @server.event
    async def seen(sid):
        return os.getpid(), await server.get_session(sid)

    async def facts(request):
        count = server.eio.counters
        return web.json_response(
            [os.getpid(), count.connections_moved, count.connections_relayed, count.requests_refused]
        )

    host.router.add_get("/facts", facts)
"""
MIDDLEWARE = """
    @web.middleware
    async def middleware(request, handler):
        return await handler(request)

    host.middlewares.append(middleware)
"""


class Facts(NamedTuple):
    """What the workers have counted, together."""

    moved: int
    relayed: int
    refused: int


class Service:
    """A service with several workers, and clients of it."""

    def __init__(self, folder: Path, commands: Commands) -> None:
        self._folder = folder
        self._commands = commands
        self.command: Command
        self.url = ""

    async def start(self, listen: str = "", application: str = APPLICATION, **settings: Any) -> None:
        """Serve, and wait until that is so."""
        (self._folder / "chat.py").write_text(application)
        lines = [f"{name} = {value!r}\n" for name, value in settings.items()]
        (self._folder / "rtserver.toml").write_text(
            f'app = "chat:setup"\nworkers = {WORKERS}\n{"".join(lines)}[listen]\nport = 0\n{listen}\n'
            "[engine]\ntrusted_proxies = ['127.0.0.1']\n"
        )
        self.command = await self._commands.start("serve", "--config", "rtserver.toml")
        self.url = await self.command.url()

    async def facts(self, tls: ssl.SSLContext | bool = True) -> Facts:
        """Ask the workers: each connection comes to another one."""
        found: dict[int, list[int]] = {}
        async with aiohttp.ClientSession(headers={"Connection": "close"}) as session:
            while len(found) < WORKERS:
                async with session.get(f"{self.url}/facts", ssl=tls) as response:
                    pid, *counts = await response.json()
                    found[pid] = counts
        return Facts(*map(sum, zip(*found.values(), strict=True)))

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


@pytest.fixture
def service(tmp_path: Path, commands: Commands) -> Service:
    return Service(tmp_path, commands)


async def talk(clients: list[NodeSocket], rounds: int) -> set[str]:
    """Let all clients talk, with texts and binary data; return where the server says they are."""
    for number in range(rounds):
        answers = await asyncio.gather(*(client.call("echo", number, b"\x00\xff" * 50) for client in clients))
        assert answers == [[number, b"\x00\xff" * 50]] * len(clients)
    await clients[0].emit("say", "at last")
    for client in clients:
        assert await client.next("said") == ["at last"]
    return {seen for _, seen in await asyncio.gather(*(client.call("seen") for client in clients))}


@pytest.mark.parametrize(("kind", "loop"), [("4", "uvloop"), ("4", "asyncio"), ("3.1", "uvloop")])
async def test_official_clients(service: Service, node: Node, kind: str, loop: str) -> None:
    await service.start(loop=loop)
    transports = [Transport.POLLING] * 6 + [Transport.UPGRADE] * 6
    clients = [await node.connect(service.url, kind, transport) for transport in transports]
    assert await talk(clients, 25) == {"http 127.0.0.1"}
    facts = await service.facts()
    assert facts.moved > 0
    assert (facts.relayed, facts.refused) == (0, 0)


async def test_large_bodies(service: Service, node: Node) -> None:
    await service.start()
    clients = [await node.connect(service.url, transport=Transport.POLLING) for _ in range(6)]
    for size in (10_000, 100_000, 400_000):
        answers = await asyncio.gather(*(client.call("echo", "é" * size) for client in clients))
        assert answers == [["é" * size]] * 6
    assert (await service.facts()).refused == 0


@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_behind_a_proxy_that_mixes_clients(
    service: Service,
    node: Node,
    certificate: Certificate,
    tmp_path: Path,
    version: str,
) -> None:
    """nginx has a few connections, and sends each request over whichever is free; or makes one for each."""
    site = SITE
    if version == "1.0":
        site = SITE.replace("proxy_http_version 1.1", "proxy_http_version 1.0").replace(
            "proxy_set_header Connection $connection_upgrade;", ""
        )
    await service.start()
    async with Nginx(tmp_path, service.port, certificate, site) as nginx:
        transports = [Transport.POLLING] * 12
        if version == "1.1":
            transports[6:] = [Transport.UPGRADE] * 6
        clients = [
            await node.connect(nginx.url, transport=transport, path=PATH, ca=certificate.authority)
            for transport in transports
        ]
        assert await talk(clients, 25) == {"https 127.0.0.1"}
        facts = await service.facts()
        assert facts.moved > 0  # how often depends on which connections nginx takes
        assert facts.refused == 0


async def test_over_tls(service: Service, node: Node, certificate: Certificate, tmp_path: Path) -> None:
    """A connection that is decrypted here can't leave: its bytes go on to the worker that has the session."""
    (tmp_path / "both.pem").write_text(certificate.pem)
    await service.start(f'tls_certificate = "{tmp_path}/both.pem"\ntls_key = "{tmp_path}/both.pem"')
    transports = [Transport.POLLING] * 6 + [Transport.UPGRADE] * 6
    clients = [
        await node.connect(service.url, transport=transport, ca=certificate.authority)
        for transport in transports
    ]
    assert await talk(clients, 10) == {"https 127.0.0.1"}
    facts = await service.facts(certificate.client)
    assert facts.relayed > 0
    assert facts.refused == 0


async def test_a_middleware_that_sees_every_request(service: Service, node: Node) -> None:
    await service.start(application=APPLICATION + MIDDLEWARE)
    transports = [Transport.POLLING] * 6 + [Transport.UPGRADE] * 6
    clients = [await node.connect(service.url, transport=transport) for transport in transports]
    await talk(clients, 10)
    facts = await service.facts()
    assert facts.moved > 0
    assert facts.refused == 0


@pytest.mark.parametrize("transports", [["polling"], None], ids=["polling", "upgrade"])
async def test_clients_of_python_socketio(service: Service, transports: list[str] | None) -> None:
    await service.start()
    clients = []
    for _ in range(8):
        client = socketio.AsyncClient(reconnection=False)
        await client.connect(service.url, transports=transports)
        clients.append(client)
    for number in range(25):
        answers = await asyncio.gather(*(client.call("echo", number, timeout=TIMEOUT) for client in clients))
        assert answers == [number] * 8
    facts = await service.facts()
    assert facts.moved > 0 or transports is None  # its polling connection itself becomes the WebSocket
    assert facts.refused == 0
    for client in clients:
        await client.disconnect()


async def test_a_session_whose_worker_is_dead(service: Service, node: Node) -> None:
    """The answer is the protocol's own, upon which clients connect anew, to a worker that lives."""
    await service.start()
    client = await node.connect(
        service.url, transport=Transport.POLLING, reconnection=True, reconnectionDelay=10
    )
    victim = (await client.call("seen"))[0]
    endpoint = f"{service.url}/socket.io/?EIO=4&transport=polling"
    async with aiohttp.ClientSession(headers={"Connection": "close"}) as session:
        sids = set()
        for _ in range(2 * WORKERS):
            async with session.get(endpoint) as response:
                sids.add(json.loads((await response.text())[1:])["sid"])
        os.kill(victim, signal.SIGKILL)
        await service.command.line("has ended with signal SIGKILL")
        unknown = set()
        for sid in sids:
            async with session.post(f"{endpoint}&sid={sid}", data="40") as response:
                assert (await response.text() == "ok") is (response.status == 200)
                if response.status != 200:
                    assert (response.status, (await response.json())["code"]) == (400, 1)
                    unknown.add(sid[:4])
    assert len(unknown) == 1
    await client.next("disconnect")
    await client.connected()
    assert (await client.call("seen"))[0] != victim
