"""Health, readiness and metrics of a service, as an operator asks for them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import socketio
from prometheus_client.parser import text_string_to_metric_families

from tests.support.examples import example

from .harness.command import TIMEOUT, Command, Commands

PAGE = "docs/operating.md"
APPLICATION = """
def setup(sio):
    @sio.event
    async def say(sid, text):
        await sio.emit("said", text)
"""


class Operator:
    """Someone who has started a service and looks at it."""

    def __init__(self, folder: Path, commands: Commands) -> None:
        self._folder = folder
        self._commands = commands
        self.command: Command
        self.http = aiohttp.ClientSession()
        self.url = self.internal = ""

    async def start(self, settings: str) -> None:
        (self._folder / "app.py").write_text(APPLICATION)
        (self._folder / "rtserver.toml").write_text(settings)
        self.command = await self._commands.start("serve", "--config", "rtserver.toml", "--port", "0")
        if "[internal]" in settings:
            self.internal = (await self.command.line(r"health and readiness.* on (\S+)"))[1]
        self.url = await self.command.url()
        self.internal = self.internal or self.url

    async def ask(self, path: str, url: str = "") -> tuple[int, str]:
        async with self.http.get((url or self.internal) + path) as answer:
            return answer.status, await answer.text()

    async def metrics(self) -> dict[str, float]:
        """Return all metrics, summed over their labels, but for that of a namespace."""
        status, text = await self.ask("/metrics")
        assert status == 200
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                name = sample.name + sample.labels.get("namespace", "")
                found[name] = found.get(name, 0) + sample.value
        return found

    async def close(self) -> None:
        await self.http.close()


@pytest.fixture
async def operator(tmp_path: Path, commands: Commands) -> AsyncIterator[Operator]:
    operator = Operator(tmp_path, commands)
    yield operator
    await operator.close()


@pytest.mark.parametrize("workers", [1, 2])
async def test_an_address_of_its_own(operator: Operator, workers: int) -> None:
    settings = f"workers = {workers}\n" + example(PAGE, "config").replace("9000", "0")
    await operator.start(settings)
    assert await operator.ask("/health") == (200, '{"alive": true}')
    assert await operator.ask("/ready") == (200, '{"ready": true, "problems": []}')
    for path in ("/health", "/ready", "/metrics"):
        assert (await operator.ask(path, operator.url))[0] == 404
    clients = [socketio.AsyncClient(reconnection=False) for _ in range(4)]
    said: asyncio.Queue[str] = asyncio.Queue()
    for client in clients:
        client.on("said", said.put_nowait)
        await client.connect(operator.url, transports=["websocket"])
    await clients[0].call("say", "hello", timeout=TIMEOUT)
    for _ in clients:  # those at the other worker get it a little later
        assert await asyncio.wait_for(said.get(), TIMEOUT) == "hello"
    found = await operator.metrics()
    assert found["rtserver_clients/"] == found["rtserver_connections"] == 4
    assert found["rtserver_events_received_total/"] == 1
    assert found["rtserver_events_sent_total"] == 4
    assert found["rtserver_received_bytes_total"] > 4 * len("40") + len('420["say","hello"]')
    assert found["rtserver_sent_bytes_total"] > 4 * len('42["said","hello"]')
    assert found["rtserver_build_info"] == workers
    assert found.get("rtserver_workers", 1) == workers
    for client in clients:
        await client.disconnect()
    status, _, errors = await operator.command.end(signal.SIGTERM)
    assert (status, "rror" in errors) == (0, False)


async def test_where_clients_connect(operator: Operator) -> None:
    await operator.start('app = "app:setup"')
    assert (await operator.ask("/health"))[0] == 200
    assert (await operator.ask("/ready"))[0] == 200
    assert (await operator.ask("/metrics"))[0] == 404


async def test_one_that_drains_isn_t_ready(operator: Operator) -> None:
    await operator.start('app = "app:setup"\ndrain_time = 60\n[internal]\nport = 0\n')
    client = socketio.AsyncClient(reconnection=False)
    await client.connect(operator.url, transports=["websocket"])
    other = socketio.AsyncClient(reconnection=False)
    await other.connect(operator.url, transports=["websocket"])
    operator.command.process.send_signal(signal.SIGTERM)
    await operator.command.line("stopping")
    assert await operator.ask("/ready") == (503, '{"ready": false, "problems": ["draining"]}')
    assert (await operator.ask("/health"))[0] == 200
    await operator.command.end(signal.SIGTERM)
    await client.disconnect()
    await other.disconnect()


async def test_the_address_is_taken(operator: Operator, commands: Commands, tmp_path: Path) -> None:
    await operator.start('app = "app:setup"\n[internal]\nport = 0\n')
    port = operator.internal.rpartition(":")[2]
    (tmp_path / "other.toml").write_text(f'app = "app:setup"\n[internal]\nport = {port}\n')
    other = await commands.start("serve", "--config", "other.toml", "--port", "0")
    status, _, errors = await other.end()
    assert status == 1
    assert f"internal: can't listen on 127.0.0.1 port {port}: it is in use; stop the process that" in errors


async def test_workers_need_an_address_for_metrics(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text('app = "app:setup"\nworkers = 2\n[metrics]\nenabled = true\n')
    command = await commands.start("check-config", "--config", "wrong.toml")
    status, _, errors = await command.end()
    assert status == 2
    assert "set internal.port, where the metrics of all of them are" in errors
