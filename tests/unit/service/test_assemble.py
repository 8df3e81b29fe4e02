from __future__ import annotations

from pathlib import Path

from rtserver.cluster.default import default_manager, set_place
from rtserver.cluster.workers.manager import WorkerManager
from rtserver.cluster.workers.place import Place
from rtserver.service.assemble import Service
from rtserver.service.settings import Config


def test_a_worker_knows_where_it_is_and_what_may_wait_for_the_others(tmp_path: Path) -> None:
    try:
        Service(Config(app="chat:setup", worker_max_buffer_size=70_000), Place(tmp_path, "k3Zp"))
        manager = default_manager()
    finally:
        set_place(None)
    assert isinstance(manager, WorkerManager)
    assert (manager._workers.place.name, manager._workers._max_buffer) == ("k3Zp", 70_000)
