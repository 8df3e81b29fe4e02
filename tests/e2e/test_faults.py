"""The page about faults: each of them is made, and what is said then is what the page says."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.support import examples
from tests.support.certificates import CertificateFiles
from tests.support.tokens import SECRET, token

from .harness.command import TIMEOUT, Command, Commands
from .harness.node import Node, NodeSocket
from .harness.raw_client import frame, raw_client

PAGE = "docs/faults.md"
METRICS = "[internal]\nport = 0\n[metrics]\nenabled = true\n"
POLLING = "/socket.io/?EIO=4&transport=polling"
DESCRIPTORS = 80
APPLICATION = """
def setup(sio):
    @sio.event
    async def echo(sid, value):
        return value

    @sio.event
    async def flood(sid):
        for _ in range(100):
            await sio.emit("load", "x" * 10_000, to=sid)
"""


def said(name: str) -> str:
    """Return what the page says that is said."""
    return examples.said(PAGE, name)


def said_object(name: str) -> Any:
    return json.loads(said(name))


def pattern(name: str) -> str:
    return examples.said_pattern(PAGE, name)


class Service:
    """A service with a fault to come, and a client that is to notice nothing of it."""

    def __init__(self, folder: Path, commands: Commands, node: Node) -> None:
        self.folder = folder
        self.commands = commands
        self.command: Command
        self.url = self._internal = ""
        self._node = node
        self._other: NodeSocket
        (folder / "app.py").write_text(APPLICATION)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    async def start(self, settings: str = "", program: Sequence[str] = (), **connecting: Any) -> None:
        """Start the service and the other client."""
        (self.folder / "rtserver.toml").write_text(f'app = "app:setup"\n{settings}\n{METRICS}')
        arguments = ["serve", "--config", "rtserver.toml", "--port", "0"]
        self.command = await self.commands.start(*arguments, program=program)
        self._internal = (await self.command.line(r"metrics on (\S+)"))[1]
        self.url = await self.command.url()
        self._other = await self._node.connect(self.url, **connecting)

    async def others_notice_nothing(self) -> None:
        for number in range(5):
            assert await self._other.call("echo", number) == [number]

    async def metric(self, name: str, **labels: str) -> float:
        async with aiohttp.ClientSession() as http, http.get(f"{self._internal}/metrics") as answer:
            text = await answer.text()
        samples = [each for family in text_string_to_metric_families(text) for each in family.samples]
        return sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())


@pytest.fixture
def service(tmp_path: Path, commands: Commands, node: Node) -> Service:
    return Service(tmp_path, commands, node)


async def refusal(service: Service, node: Node, auth: Any = None) -> Any:
    """Return what a client is told that isn't let in."""
    manager = await node.manager(service.url, transports=["websocket"], reconnection=False)
    (error,) = await (await manager.socket("/", auth)).next("connect_error")
    return {key: error[key] for key in ("message", "data")}


async def asked(service: Service) -> tuple[int, Mapping[str, str], str]:
    """Ask for a session over a new connection: status, headers and body; 0 if there is no answer."""
    try:
        async with aiohttp.ClientSession() as http, http.get(service.url + POLLING) as answer:
            return answer.status, answer.headers, await answer.text()
    except aiohttp.ClientError:
        return 0, {}, ""


async def closed(service: Service, *messages: str) -> str:
    """Send messages over a WebSocket that the service closes for them; return code and reason."""
    address = f"ws{service.url[4:]}/socket.io/?EIO=4&transport=websocket"
    async with asyncio.timeout(TIMEOUT), connect(address) as client:
        with suppress(ConnectionClosed):
            for message in ("40", *messages):
                await client.send(message)
        await client.wait_closed()
    return f"{client.close_code} {client.close_reason}"


async def test_the_configuration_is_wrong(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "rtserver.toml").write_text(
        'app = "app:setup"\n[listen]\nport = "80"\n[engine]\nping_intervall = 5\n'
    )
    for name in ("serve", "check-config"):
        status, output, errors = await (await commands.start(name, "--config", "rtserver.toml")).end()
        assert (status, output, errors) == (2, "", said("config") + "\n")


async def test_a_token_isn_t_valid(service: Service, node: Node) -> None:
    (service.folder / "token.secret").write_bytes(SECRET)
    keys = '[auth]\nnamespaces = ["/"]\n[[auth.keys]]\nalgorithm = "HS256"\nsecret_file = "token.secret"\n'
    await service.start(keys, auth={"token": token()})
    forged = token(b"another secret, which is as long as it has to be")
    assert await refusal(service, node, {"token": forged}) == said_object("token")
    line = await service.command.line(pattern("token-log"))
    assert forged.rpartition(".")[2] not in line.string
    assert await service.metric("rtserver_tokens_refused_total") == 1
    await service.others_notice_nothing()


async def test_a_key_isn_t_known(service: Service) -> None:
    (service.folder / "api.key").write_text("a key that nobody guesses, 32 characters long")
    await service.start(
        '[[api.keys]]\nname = "shop"\nkey_file = "api.key"\nscopes = ["*"]\nnamespaces = ["*"]\n'
    )
    headers = {"Authorization": "Bearer a key that somebody has guessed"}
    command = {"event": "news", "to": "all"}
    url = f"{service.url}/api/emit"
    async with aiohttp.ClientSession() as http, http.post(url, headers=headers, json=command) as answer:
        assert (answer.status, await answer.json()) == (401, said_object("key"))
    await service.others_notice_nothing()


async def test_a_flood_of_events(service: Service, node: Node) -> None:
    await service.start("[limits]\nevents_per_second = 20\nevents_burst = 10\ntolerance = 5\n")
    client = await node.connect(service.url)
    await client.collect("load", 1)
    answers = await asyncio.gather(*(client.call("echo", number) for number in range(12)))
    assert answers[-1] == [said_object("flood")]
    assert await closed(service, *['42["echo",1]'] * 100) == said("flood-close")
    assert await service.metric("rtserver_limited_total", limit="events") >= 2
    assert await service.metric("rtserver_limited_total", limit="tolerance") == 1
    await service.others_notice_nothing()


async def test_a_message_is_too_large(service: Service) -> None:
    await service.start("[engine]\nmax_http_buffer_size = 1000\n")
    assert await closed(service, "4" + "x" * 1000) == said("oversize-close")
    async with aiohttp.ClientSession() as http:
        async with http.get(service.url + POLLING) as answer:
            sid = json.loads((await answer.text())[1:])["sid"]
        async with http.post(f"{service.url}{POLLING}&sid={sid}", data="4" + "x" * 1001) as answer:
            assert (answer.status, await answer.json()) == (413, said_object("oversize"))
    assert await service.metric("rtserver_payloads_refused_total") == 1
    assert await service.metric("rtserver_bad_packets_total") == 1
    await service.others_notice_nothing()


async def test_a_client_doesn_t_read(service: Service) -> None:
    await service.start("[engine]\nmax_buffer_size = 100_000\n")
    async with raw_client(service.port) as slow:
        for _ in range(20):  # more than the buffers of both systems take
            await slow.send(frame(1, b'42["flood"]'))
        await service.command.line(pattern("slow"))
        assert await service.metric("rtserver_slow_clients_total") == 1
        await service.others_notice_nothing()


async def test_a_backend_is_slow(service: Service, node: Node) -> None:
    done = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        asked = await request.json()
        if asked["type"] == "event" or asked.get("auth") == "slow":
            await done.wait()
        return web.json_response({})

    app = web.Application()
    app.router.add_post("/", answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await (site := web.TCPSite(runner, "127.0.0.1", 0)).start()
    try:
        (service.folder / "webhooks.secret").write_text("whsec_" + "QUFB" * 11 + "\n")
        await service.start(
            f'[webhooks]\nurl = "http://127.0.0.1:{site.port}/"\nsecret_file = "webhooks.secret"\n'
            'namespaces = ["/"]\ntimeout = 0.5\n'
        )
        client = await node.connect(service.url)
        assert await client.call("unhandled here") == [said_object("backend")]
        assert await refusal(service, node, "slow") == said_object("backend-connect")
        assert await service.metric("rtserver_webhooks_total", result="backend_timeout") == 2
        await service.others_notice_nothing()
    finally:
        done.set()
        await runner.cleanup()


async def test_a_certificate_has_expired(service: Service, tmp_path: Path) -> None:
    files = CertificateFiles(tmp_path)
    files.renew(days=-1)
    (tmp_path / "rtserver.toml").write_text(
        'app = "app:setup"\n[listen]\ntls_certificate = "certificate.pem"\ntls_key = "key.pem"\n'
    )
    command = await service.commands.start("serve", "--config", "rtserver.toml", "--port", "0")
    await command.line(pattern("certificate"))
    url = await command.url()
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate has expired"):
        await connect(f"wss{url[5:]}/socket.io/?EIO=4&transport=websocket", ssl=files.client())


@pytest.mark.parametrize(("loop", "workers"), [("uvloop", 1), ("asyncio", 1), ("uvloop", 2)])
async def test_no_file_descriptor_is_left(service: Service, loop: str, workers: int) -> None:
    program = f'ulimit -n {DESCRIPTORS}; exec "$0" -m rtserver "$@"'
    await service.start(f'loop = "{loop}"\nworkers = {workers}\n', ("bash", "-c", program, sys.executable))
    with ExitStack() as taken:

        def take(count: int) -> None:
            for _ in range(count):
                taken.enter_context(socket.create_connection(("127.0.0.1", service.port)))

        take(DESCRIPTORS * workers)
        await service.command.line(pattern("descriptors-log"))
        await service.others_notice_nothing()
        answer: tuple[int, Mapping[str, str], str] = 0, {}, ""
        async with asyncio.timeout(TIMEOUT):
            while answer[0] != 503:  # those that were cut off have left room for a few
                take(1)
                answer = await asked(service)
        _, headers, body = answer
        assert headers["Retry-After"] == "10"
        assert json.loads(body) == said_object("descriptors")
        assert await service.metric("rtserver_limited_total", limit="file_descriptors") > 1
    async with asyncio.timeout(TIMEOUT):
        while (await asked(service))[0] != 200:
            pass
    await service.others_notice_nothing()
