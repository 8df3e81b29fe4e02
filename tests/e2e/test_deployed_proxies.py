"""nginx and HAProxy with the files of config/, in front of services as docs/deploying.md configures them."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import aiohttp
import pytest
import socketio

from tests.support.examples import example

from .harness.cases import every_transport
from .harness.certificate import Certificate
from .harness.command import TIMEOUT, Command, Commands
from .harness.deployed import HaProxy, NginxSite, Upstream
from .harness.node import Node, Transport

APPLICATION = """\
import os


def setup(server):
    @server.event
    async def echo(sid, *args):
        return args

    @server.event
    async def who(sid):
        handshake = server.socket(sid).handshake
        return handshake.address, handshake.secure, server.transport(sid), os.getpid()
"""
each_proxy = pytest.mark.parametrize("proxy_class", [NginxSite, HaProxy])


class Machines:
    """Services behind a proxy."""

    def __init__(self, folder: Path, commands: Commands) -> None:
        self._folder = folder
        self._commands = commands
        self.running: list[Command] = []

    async def start(self, *, delay: float = 0) -> Upstream:
        """Start a service with the settings of the documentation."""
        (self._folder / "app.py").write_text(APPLICATION)
        settings = example("docs/deploying.md", "behind-a-proxy")
        assert "drain_delay = 5 " in settings
        settings = settings.replace("drain_delay = 5 ", f"drain_delay = {delay} ").replace("9000", "0")
        (self._folder / "rtserver.toml").write_text(settings)
        command = await self._commands.start("serve", "--config", "rtserver.toml", "--port", "0")
        internal = (await command.line(r"health and readiness.* on \S+:(\d+)"))[1]
        url = await command.url()
        self.running.append(command)
        return Upstream(int(url.rpartition(":")[2]), int(internal))


@pytest.fixture
def machines(tmp_path: Path, commands: Commands) -> Machines:
    return Machines(tmp_path, commands)


class Browser:
    """A client that keeps cookies, as browsers do."""

    def __init__(self, certificate: Certificate) -> None:
        self._certificate = certificate
        self._http: aiohttp.ClientSession
        self._client: socketio.AsyncClient

    async def __aenter__(self) -> Browser:
        self._http = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True),  # of an address without a name, too
            connector=aiohttp.TCPConnector(ssl=self._certificate.client),
        )
        self._client = socketio.AsyncClient(http_session=self._http, reconnection=False)
        return self

    async def connect(self, url: str, transports: list[str]) -> None:
        await self._client.connect(url, transports=transports)

    async def pid(self) -> int:
        """Return the process that serves the client."""
        *_, pid = await self._client.call("who", timeout=TIMEOUT)
        return int(pid)

    async def __aexit__(self, *_: object) -> None:
        await self._client.disconnect()
        await self._http.close()


@each_proxy
@every_transport
async def test_official_clients(
    machines: Machines,
    node: Node,
    certificate: Certificate,
    tmp_path: Path,
    *,
    proxy_class: type[NginxSite | HaProxy],
    transport: Transport,
) -> None:
    async with proxy_class(tmp_path, certificate, [await machines.start()]) as proxy:
        client = await node.connect(
            proxy.url,
            transport=transport,
            ca=certificate.authority,
            extraHeaders={"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "http"},
        )
        answers = await asyncio.gather(
            *(client.call("echo", number, b"\x00" * 50_000, "é" * 1000) for number in range(20))
        )
        assert answers == [[number, b"\x00" * 50_000, "é" * 1000] for number in range(20)]
        address, secure, name, _ = await client.call("who")
        assert (address, secure, name) == ("127.0.0.1", True, transport.final)  # not what the client says
        await client.disconnect()


@each_proxy
async def test_a_client_that_polls_stays_with_its_server(
    machines: Machines, certificate: Certificate, tmp_path: Path, proxy_class: type[NginxSite | HaProxy]
) -> None:
    upstreams = [await machines.start() for _ in range(2)]
    pids = set()
    async with proxy_class(tmp_path, certificate, upstreams) as proxy:
        for _ in range(4):
            async with Browser(certificate) as browser:
                await browser.connect(proxy.url, ["polling"])
                found = {await browser.pid() for _ in range(5)}
                assert len(found) == 1
                pids |= found
    assert len(pids) == (2 if proxy_class is HaProxy else 1)  # nginx goes by the address, which is the same


async def test_no_client_is_refused_while_a_server_drains(
    machines: Machines, certificate: Certificate, tmp_path: Path
) -> None:
    upstreams = [await machines.start(delay=2) for _ in range(2)]
    first, second = machines.running
    async with HaProxy(tmp_path, certificate, upstreams) as proxy:
        first.process.send_signal(signal.SIGTERM)
        ending = asyncio.ensure_future(first.end())
        while not ending.done():
            async with Browser(certificate) as browser:
                await browser.connect(proxy.url, ["websocket"])
        assert (await ending)[0] == 0
        async with Browser(certificate) as browser:
            await browser.connect(proxy.url, ["websocket"])
            assert await browser.pid() == second.process.pid


@each_proxy
async def test_requests_that_arent_for_the_service(
    machines: Machines, certificate: Certificate, tmp_path: Path, proxy_class: type[NginxSite | HaProxy]
) -> None:
    async with (
        proxy_class(tmp_path, certificate, [await machines.start()]) as proxy,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=certificate.client)) as http,
    ):
        async with http.get(f"{proxy.url}/socket.io/?EIO=4&transport=pigeon") as answer:
            assert (answer.status, json.loads(await answer.text())["code"]) == (400, 0)
        for path in ("/metrics", "/ready", "/health"):
            async with http.get(proxy.url + path) as answer:
                assert answer.status == 404


async def test_nginx_sends_browsers_to_https(
    machines: Machines, certificate: Certificate, tmp_path: Path
) -> None:
    async with (
        NginxSite(tmp_path, certificate, [await machines.start()]) as proxy,
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{proxy.plain_port}/socket.io/?a=b", allow_redirects=False) as answer,
    ):
        assert answer.status == 308
        assert answer.headers["Location"] == "https://127.0.0.1/socket.io/?a=b"
