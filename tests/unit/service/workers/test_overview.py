from __future__ import annotations

import asyncio

import pytest
from prometheus_client import generate_latest

from rtserver.service.monitoring.families import Family
from rtserver.service.workers import overview as module
from rtserver.service.workers.control import Measure, Measured
from rtserver.service.workers.overview import Asked, Overview
from tests.unit.server.harness import turns

FAMILIES = [Family.of("rtserver_connects", "counter", "Clients.", 3).as_data()]


class Fleet:
    """Two workers, and what they were asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.names = {"abcd": 1, "efgh": 2}
        self.draining: set[str] = set()
        self.overview = Overview(self.serving)

    def serving(self) -> dict[str, Asked]:
        def ask(name: str, message: Measure) -> None:
            self.asked.append(name)

        return {
            name: Asked(slot, name in self.draining, lambda message, name=name: ask(name, message))  # type: ignore[misc]
            for name, slot in self.names.items()
        }


async def metrics(fleet: Fleet) -> str:
    return generate_latest(await fleet.overview.families()).decode()


async def test_metrics_of_all_workers() -> None:
    fleet = Fleet()
    fleet.overview.started()
    text = asyncio.create_task(metrics(fleet))
    again = asyncio.create_task(metrics(fleet))
    await turns()
    for name in ("abcd", "efgh"):
        fleet.overview.measured(name, Measured(FAMILIES))
    assert 'rtserver_connects_total{worker="1"} 3.0\nrtserver_connects_total{worker="2"} 3.0\n' in await text
    assert "rtserver_workers 2.0" in await again
    assert "rtserver_workers_started_total 1.0" in await again
    assert fleet.asked == ["abcd", "efgh"]  # once for both who wanted to know


async def test_a_worker_that_doesn_t_answer_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    fleet = Fleet()
    text = asyncio.create_task(metrics(fleet))
    await turns()
    fleet.overview.measured("abcd", Measured(FAMILIES))
    assert 'worker="2"' not in await text
    fleet.overview.measured("abcd", Measured(FAMILIES))  # nobody waits for it


async def test_a_worker_that_ends_meanwhile_is_left_out() -> None:
    fleet = Fleet()
    text = asyncio.create_task(metrics(fleet))
    await turns()
    fleet.overview.measured("abcd", Measured(FAMILIES))
    fleet.overview.gone("efgh")
    assert 'worker="2"' not in await text


async def test_without_workers() -> None:
    fleet = Fleet()
    fleet.names = {}
    assert "rtserver_workers 0.0" in await metrics(fleet)
    assert await fleet.overview.problems() == ["no worker serves"]


async def test_one_worker_that_is_ready_will_do() -> None:
    fleet = Fleet()
    assert await fleet.overview.problems() == ["it has just begun"]
    fleet.overview.heard("abcd", ["not in touch with the cluster"])
    assert await fleet.overview.problems() == ["it has just begun", "not in touch with the cluster"]
    fleet.overview.heard("efgh", [])
    assert await fleet.overview.problems() == []
    fleet.overview.gone("efgh")
    del fleet.names["efgh"]
    assert await fleet.overview.problems() == ["not in touch with the cluster"]
    fleet.overview.is_stopping = True
    assert await fleet.overview.problems() == ["draining"]


async def test_a_worker_that_drains_is_measured_beside_the_one_in_its_place() -> None:
    fleet = Fleet()
    fleet.names = {"abcd": 1, "efgh": 1}
    fleet.draining = {"abcd"}
    text = asyncio.create_task(metrics(fleet))
    await turns()
    for name in fleet.names:
        fleet.overview.measured(name, Measured(FAMILIES))
    for line in ('{worker="1-abcd"} 3.0\n', '{worker="1"} 3.0\n', "rtserver_workers 1.0\n"):
        assert line in await text
    fleet.overview.heard("abcd", [])
    assert await fleet.overview.problems() == ["it has just begun"]
