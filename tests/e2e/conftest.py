from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
import uvloop
from playwright.async_api import Browser

from .harness.certificate import Certificate
from .harness.channel import Channel, NodeProcess
from .harness.command import Commands
from .harness.demo import chromium
from .harness.either import KINDS_OF_SERVER, Compare, ServeEither, Servers
from .harness.node import DRIVER, Node
from .harness.plain import PlainClients
from .harness.redis import RedisServer
from .harness.server import Hosting


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "both_loops: run on asyncio's own loop as well as on uvloop")


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.get_closest_marker("both_loops"):
        return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}
    return {"uvloop": uvloop.new_event_loop}


class NodeKeeper:
    """One driver for the whole run, started when a test first needs it and again if it has died."""

    def __init__(self) -> None:
        self._process: NodeProcess | None = None

    def get(self) -> NodeProcess:
        if self._process is None or not self._process.running:
            self._process = NodeProcess(DRIVER)
        return self._process

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None


@pytest.fixture(scope="session")
def node_keeper() -> Iterator[NodeKeeper]:
    keeper = NodeKeeper()
    yield keeper
    keeper.stop()


@pytest.fixture
def own_process() -> Iterator[NodeProcess]:
    """A Node.js process that a test may freeze."""
    keeper = NodeKeeper()
    yield keeper.get()
    keeper.stop()


@pytest.fixture
async def node(node_keeper: NodeKeeper) -> AsyncIterator[Node]:
    """Official JavaScript clients."""
    node = Node(node_keeper.get())
    yield node
    try:
        await node.detach()
    except BaseException:
        node_keeper.stop()
        raise


@pytest.fixture
async def swarm() -> AsyncIterator[Channel]:
    """Many clients, in a process of their own."""
    process = NodeProcess("swarm.js")
    channel = Channel(process)
    yield channel
    channel.close()
    process.stop()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all tests of a module, which share its event loop."""
    async with chromium() as browser:
        yield browser


@pytest.fixture
async def hosting() -> AsyncIterator[Hosting]:
    """Servers that stop with the test."""
    hosting = Hosting()
    yield hosting
    await hosting.close()


@pytest.fixture
async def servers(hosting: Hosting) -> AsyncIterator[Servers]:
    """Node's official server and ours."""
    servers = Servers(hosting)
    yield servers
    servers.stop()


@pytest.fixture(params=KINDS_OF_SERVER)
def either_server(request: pytest.FixtureRequest, servers: Servers) -> ServeEither:
    """Start an application on Node's official server; and again, in another run of the test, on ours."""
    return partial(servers.start, request.param)


@pytest.fixture
def compare(servers: Servers, node: Node) -> Compare:
    """Run a scenario on Node's official server and on ours, and check that the same is seen."""
    return partial(servers.compare, node)


@pytest.fixture
async def plain() -> AsyncIterator[PlainClients]:
    """Plain WebSocket clients."""
    clients = PlainClients()
    yield clients
    await clients.close()


@pytest.fixture
async def commands(tmp_path: Path) -> AsyncIterator[Commands]:
    """The command `rtserver`, in a folder of the test. What runs ends with the test."""
    commands = Commands(tmp_path)
    yield commands
    await commands.close()


@pytest.fixture
async def redis_server(tmp_path: Path) -> AsyncIterator[RedisServer]:
    """An empty Redis, which stops with the test."""
    async with RedisServer(tmp_path) as server:
        yield server


@pytest.fixture(scope="session")
def certificate() -> Certificate:
    """A certificate for 127.0.0.1 and the authority that signed it."""
    return Certificate()
