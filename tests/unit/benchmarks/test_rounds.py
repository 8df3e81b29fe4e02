import os
from typing import Any, cast

import pytest

from benchmarks.deployed import Deployed
from benchmarks.deployment import ALONE, Deployment, Group
from benchmarks.generator import Generator
from benchmarks.processes import used_seconds
from benchmarks.results import Results
from benchmarks.rounds import Bench, takes
from benchmarks.scenarios import QUICK, SCENARIOS, Metric, Scenario
from benchmarks.servers import PEERS, Running

HERE = os.getpid()
WORKERS = Deployment(Group.WORKERS, workers=2, quota=0.4)


class FakeGenerator:
    def __init__(self, **result: float) -> None:
        self.result = {"count": 100, "seconds": 1.0, "rate": 100.0, "generator_busy": 0.5, **result}
        self.asked: tuple[Any, ...] = ()
        self.query = ""

    def run(
        self, mode: str, ports: list[int], pids: list[int], query: str, **arguments: float
    ) -> dict[str, float]:
        self.asked = (mode, ports)
        self.query = query
        until = used_seconds(pids) + 0.05
        while used_seconds(pids) < until:  # time is what this process has to use
            pass
        return self.result


def rate(deployment: Deployment, server: Deployed, **result: float) -> Any:
    generator = FakeGenerator(server_cpu=0.5, server_waited=0.4, generator_waited=0.1, **result)
    bench = Bench([], QUICK, 0, cast(Generator, generator), Results())
    metric = Metric("echo", "echo", "echo/s", True)
    sample = bench._rate(Scenario("echo", "echo", {}, (metric,), deployment=deployment), server, 0)
    assert generator.asked == ("echo", server.ports)
    assert generator.query.startswith("&token=") == deployment.guarded
    return sample


SERVER = Running(HERE, 1000)


def test_one_server_that_waits_is_disturbed() -> None:
    sample = rate(ALONE, Deployed((SERVER,)))
    assert (sample.value, sample.waited) == (100, 0.4)


def test_servers_that_share_a_core_wait_for_each_other() -> None:
    cluster = Deployment(Group.CLUSTERS, nodes=2, mode="pubsub")
    assert rate(cluster, Deployed((SERVER, Running(HERE, 1001)))).waited == 0.1


def test_without_quotas_a_figure_is_that_of_a_core_for_each() -> None:
    sample = rate(WORKERS, Deployed((SERVER,), workers=(HERE, HERE), unlimited="why"))
    assert sample.value == pytest.approx(400)
    assert sample.detail["supervisor"] == pytest.approx(100, rel=0.2)  # all of it is this process
    assert rate(WORKERS, Deployed((SERVER,), unlimited="why")).value == pytest.approx(200)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_who_takes_part(scenario: Scenario) -> None:
    names = {peer.name for peer in PEERS if takes(peer, scenario)}
    if scenario.deployment.group is Group.WORKERS:
        assert names == {"rtserver", "one-process"}
    elif scenario.deployment.group is Group.GUARDED:
        assert names == {"rtserver", "unguarded"}
    elif scenario.deployment.group is Group.CLUSTERS:
        assert names == {"rtserver", "node"} | ({"python-socketio"} if scenario.mode == "fanout" else set())
    else:
        assert {"rtserver", "node", "python-socketio", "bun"} <= names
        assert "one-process" not in names


def test_clients_of_a_guarded_server_have_tokens() -> None:
    rate(Deployment(Group.GUARDED, guarded=True), Deployed((SERVER,)))
