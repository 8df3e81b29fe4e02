from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from redis.asyncio import RedisCluster
from redis.exceptions import AuthenticationError, ConnectionError, RedisClusterException, SlotNotCoveredError

from rtserver.cluster.redis import topology as module
from rtserver.cluster.redis.topology import Topology
from rtserver.errors import StartError
from tests.support.engine import until


class Client:
    """A redis-py client whose cluster is what a test says."""

    def __init__(self) -> None:
        self.places: dict[str, str] = {}
        self.names: list[str] = []
        self.fault: Exception | None = None
        self.asked = 0
        self.nodes_manager = SimpleNamespace(initialize=self.initialize)

    async def initialize(self) -> None:
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        self.names = ["a:1", "b:2"]

    def get_primaries(self) -> list[Any]:
        return [SimpleNamespace(name=name) for name in self.names]

    def get_node_from_key(self, channel: str) -> Any:
        if channel not in self.places:
            raise SlotNotCoveredError
        return SimpleNamespace(name=self.places[channel])

    def get_node(self, node_name: str) -> Any:
        return None


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DOUBTFUL", 0)


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
async def topology(client: Client) -> AsyncIterator[Topology]:
    topology = Topology(cast(RedisCluster, client))
    yield topology
    await topology.close()


async def test_it_is_asked_at_the_start_and_whenever_there_is_a_doubt(
    client: Client, topology: Topology
) -> None:
    changes: list[int] = []
    topology.listen(lambda: changes.append(client.asked))
    assert not topology.is_known
    await asyncio.gather(topology.start(), topology.start())
    assert (client.asked, topology.is_known, topology.nodes) == (1, True, {"a:1", "b:2"})
    client.places["one"] = "a:1"
    assert (topology.node_of("one"), topology.node_of("two")) == ("a:1", None)
    topology.doubt()
    topology.doubt()
    await until(lambda: changes == [2])


async def test_it_is_asked_until_there_is_an_answer(
    client: Client, topology: Topology, caplog: pytest.LogCaptureFixture
) -> None:
    client.fault = RedisClusterException("nobody is there")
    changes: list[None] = []
    topology.listen(lambda: changes.append(None))
    await topology.start()
    assert "no node of the Redis Cluster can be reached: nobody is there" in caplog.text
    await until(lambda: client.asked > 3)
    assert changes == []
    client.fault = None
    await until(lambda: changes)
    assert topology.is_known


async def test_a_refusal_ends_the_start(client: Client, topology: Topology) -> None:
    client.fault = RedisClusterException("no node")
    client.fault.__cause__ = AuthenticationError("WRONGPASS")
    with pytest.raises(StartError, match="WRONGPASS"):
        await topology.start()


async def test_a_connection_that_has_to_be_made_again_raises_a_doubt(
    client: Client, topology: Topology
) -> None:
    await topology.start()
    dial = topology.dial_of("a:1")
    for asked in (1, 2):
        with pytest.raises(ConnectionError, match="isn't a node of the Redis Cluster any more"):
            await dial()
        await until(lambda asked=asked: client.asked == asked)  # type: ignore[misc]


async def test_it_is_asked_again_whatever_goes_wrong(
    client: Client, topology: Topology, caplog: pytest.LogCaptureFixture
) -> None:
    await topology.start()
    faults: list[Exception] = [RuntimeError("the handler is closed"), ValueError("a listener's")]
    changes: list[None] = []

    def changed() -> None:
        changes.append(None)
        if len(changes) == 1:
            raise faults[1]

    topology.listen(changed)
    client.fault = faults[0]
    topology.doubt()
    await until(lambda: client.asked > 3)
    client.fault = None
    await until(lambda: len(changes) > 1)
    assert caplog.text.count("ValueError: a listener's") == 1
