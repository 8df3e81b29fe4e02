from __future__ import annotations

import resource

import pytest

from rtserver.errors import StartError
from rtserver.service.bench.plan import Plan
from rtserver.service.bench.processes import _parts
from rtserver.service.commands import bench


@pytest.mark.parametrize("processes", [1, 3, 7])
def test_connections_are_spread_evenly_and_one_process_emits(processes: int) -> None:
    parts = _parts(Plan("url", connections=20), processes)
    numbers = [part.connections for part in parts]
    assert sum(numbers) == 20
    assert max(numbers) - min(numbers) <= 1
    assert [part.emits for part in parts] == [True] + [False] * (processes - 1)


def test_more_connections_than_the_system_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (100, 1000))
    with pytest.raises(StartError, match="1,000 connections of a process need 1,100 file descriptors"):
        bench._raise_limit(1000)
