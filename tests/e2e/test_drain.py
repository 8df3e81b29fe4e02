"""The end of a service that has clients: what it says first, who is closed when, and what is waited for."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import socketio

from .harness.command import TIMEOUT, Command, Commands
from .harness.node import Node
from .harness.server import Hosting, make_server

APPLICATION = """\
import asyncio
import os
from pathlib import Path


async def released():
    while not os.path.exists("release"):
        await asyncio.sleep(0.01)


def setup(server):
    @server.event
    async def work(sid):
        Path("working").touch()
        await released()
        return "done"

    @server.event
    async def ask_me(sid):
        server.start_background_task(ask, sid)

    @server.event(namespace="/leaving")
    async def disconnect(sid):
        Path("leaving").touch()
        await released()
        Path("left").touch()

    async def ask(sid):
        Path("answer").write_text(str(await server.call("question", to=sid, timeout=60)))
"""
both = pytest.mark.parametrize("workers", [1, 2])


class Service:
    """A service in a folder of its own, and its clients."""

    def __init__(self, folder: Path, commands: Commands) -> None:
        self.folder = folder
        self._commands = commands
        self._clients: list[socketio.AsyncClient] = []
        self.http = aiohttp.ClientSession()
        self.command: Command
        self.url = self.internal = ""

    async def start(self, workers: int, settings: str = "") -> None:
        (self.folder / "app.py").write_text(APPLICATION)
        (self.folder / "rtserver.toml").write_text(
            f'app = "app:setup"\nworkers = {workers}\n{settings}\n[listen]\nport = 0\n[internal]\nport = 0\n'
        )
        self.command = await self._commands.start("serve", "--config", "rtserver.toml")
        self.internal = (await self.command.line(r"health and readiness on (\S+)"))[1]
        self.url = await self.command.url()

    async def client(self, namespace: str = "/") -> tuple[socketio.AsyncClient, asyncio.Event]:
        """Connect a client; its event is set when it is disconnected."""
        client, gone = socketio.AsyncClient(reconnection=False), asyncio.Event()
        client.on("disconnect", lambda *_: gone.set(), namespace=namespace)
        await client.connect(self.url, namespaces=[namespace], transports=["websocket"])
        self._clients.append(client)
        return client, gone

    async def ready(self) -> tuple[int, list[str]]:
        async with self.http.get(f"{self.internal}/ready") as answer:
            return answer.status, (await answer.json())["problems"]

    async def has(self, file: str) -> None:
        """Wait until the application has written a file."""
        async with asyncio.timeout(TIMEOUT):
            while not (self.folder / file).exists():  # noqa: ASYNC110 - the process is another one
                await asyncio.sleep(0.01)

    async def close(self) -> None:
        for client in self._clients:
            await client.disconnect()
        await self.http.close()


@pytest.fixture
async def service(tmp_path: Path, commands: Commands) -> AsyncIterator[Service]:
    service = Service(tmp_path, commands)
    yield service
    await service.close()


async def within(event: asyncio.Event) -> None:
    async with asyncio.timeout(TIMEOUT):
        await event.wait()


@both
async def test_first_it_isnt_ready_and_goes_on(service: Service, workers: int) -> None:
    await service.start(workers, "drain_delay = 600")
    _, gone = await service.client()
    assert await service.ready() == (200, [])
    service.command.process.send_signal(signal.SIGTERM)
    await service.command.line("stopping: SIGTERM received")
    assert await service.ready() == (503, ["draining"])
    late, _ = await service.client()
    (service.folder / "release").touch()
    assert await late.call("work", timeout=TIMEOUT) == "done"
    assert not gone.is_set()
    assert (await service.command.end(signal.SIGTERM))[0] == 0
    await within(gone)


@both
async def test_then_nobody_is_accepted(service: Service, workers: int) -> None:
    await service.start(workers, "drain_delay = 0.1\ndrain_time = 600")
    gone = [(await service.client())[1] for _ in range(2 * workers)]
    service.command.process.send_signal(signal.SIGTERM)
    await asyncio.wait(
        [asyncio.ensure_future(within(each)) for each in gone], return_when=asyncio.FIRST_COMPLETED
    )
    assert not all(each.is_set() for each in gone)
    with pytest.raises(aiohttp.ClientConnectionError):
        await service.http.get(service.url)
    assert await service.ready() == (503, ["draining"])
    status, _, _ = await service.command.end(signal.SIGTERM)
    assert status == 0
    for each in gone:
        await within(each)


@both
async def test_handlers_end_and_are_acknowledged(service: Service, workers: int) -> None:
    await service.start(workers, "shutdown_timeout = 60")
    busy, busy_gone = await service.client()
    _, idle_gone = await service.client()
    work = asyncio.ensure_future(busy.call("work", timeout=TIMEOUT))
    await service.has("working")
    service.command.process.send_signal(signal.SIGTERM)
    await within(idle_gone)
    assert not busy_gone.is_set()
    (service.folder / "release").touch()
    assert await work == "done"
    await within(busy_gone)
    assert (await service.command.end())[0] == 0


@both
async def test_acknowledgments_of_clients_are_waited_for(service: Service, workers: int) -> None:
    await service.start(workers, "shutdown_timeout = 60")
    asked, answer = asyncio.Event(), asyncio.Event()
    busy, busy_gone = await service.client()
    _, idle_gone = await service.client()

    async def question() -> str:
        asked.set()
        await answer.wait()
        return "forty-two"

    busy.on("question", question)
    await busy.emit("ask_me")
    await within(asked)
    service.command.process.send_signal(signal.SIGTERM)
    await within(idle_gone)
    assert not busy_gone.is_set()
    answer.set()
    await within(busy_gone)
    assert (await service.command.end())[0] == 0
    assert (service.folder / "answer").read_text() == "forty-two"


@both
async def test_a_handler_that_doesnt_end_is_given_up(service: Service, workers: int) -> None:
    await service.start(workers, "shutdown_timeout = 0.3")
    busy, gone = await service.client()
    await busy.emit("work")
    await service.has("working")
    assert (await service.command.end(signal.SIGTERM))[0] == 0
    await within(gone)


@both
async def test_disconnect_handlers_end(service: Service, workers: int) -> None:
    await service.start(workers, "shutdown_timeout = 60")
    _, gone = await service.client("/leaving")
    service.command.process.send_signal(signal.SIGTERM)
    await within(gone)
    await service.has("leaving")
    (service.folder / "release").touch()
    assert (await service.command.end())[0] == 0
    assert (service.folder / "left").exists()


@both
async def test_a_disconnect_handler_that_doesnt_end_is_given_up(service: Service, workers: int) -> None:
    await service.start(workers, "shutdown_timeout = 0.3")
    await service.client("/leaving")
    status, _, errors = await service.command.end(signal.SIGTERM)
    assert status == 0
    assert "handlers that hadn't ended after 0.3 seconds: 1, cancelled" in errors
    assert not (service.folder / "left").exists()


async def test_an_application_that_hosts_the_server_itself(hosting: Hosting, node: Node) -> None:
    sio = make_server()
    working, release = asyncio.Event(), asyncio.Event()

    @sio.event
    async def work(sid: str) -> str:
        working.set()
        await release.wait()
        return "done"

    host = await hosting.server(sio)
    busy, idle = await node.connect(host.url), await node.connect(host.url)
    work_done = asyncio.ensure_future(busy.call("work"))
    await within(working)
    draining = asyncio.ensure_future(sio.drain(0, patience=60))
    assert await idle.next("disconnect") == ["transport close"]
    refused = await (await node.manager(host.url, transports=["polling"], reconnection=False)).socket()
    await refused.next("connect_error")
    assert not draining.done()
    release.set()
    assert await work_done == ["done"]
    assert await busy.next("disconnect") == ["transport close"]
    await draining
