from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rtserver.cluster.default import default_manager, set_place
from rtserver.cluster.memory import MemoryManager
from rtserver.cluster.workers.manager import WorkerManager
from rtserver.cluster.workers.place import Place
from rtserver.host import Server


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    yield
    set_place(None)


def test_a_process_that_serves_alone() -> None:
    assert type(default_manager()) is MemoryManager
    assert type(Server().manager) is MemoryManager


def test_a_worker(tmp_path: Path) -> None:
    set_place(Place(tmp_path, "k3Zp"))
    assert type(Server().manager) is WorkerManager


def test_what_may_wait_for_another_worker(tmp_path: Path) -> None:
    set_place(Place(tmp_path, "k3Zp"), 70_000)
    manager = default_manager()
    assert isinstance(manager, WorkerManager)
    assert manager._workers._max_buffer == 70_000


def test_an_application_that_has_chosen_one(tmp_path: Path) -> None:
    set_place(Place(tmp_path, "k3Zp"))
    chosen = MemoryManager()
    assert Server(client_manager=chosen).manager is chosen


async def test_a_worker_has_one_server_that_is_joined(tmp_path: Path) -> None:
    set_place(Place(tmp_path, "k3Zp"))
    first, second = Server(), Server()
    await first.start()
    with pytest.raises(RuntimeError, match="has been joined to the other workers already"):
        await second.start()
    await first.shutdown()
    await second.shutdown()
