from __future__ import annotations

from typing import Any

import pytest

from rtserver import Server
from rtserver.cluster.memory import MemoryManager
from rtserver.service.cluster import in_touch


class Status:
    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, True),
        (Status(peers=()), True),
        (Status(connected=True), True),
        (Status(connected=False), False),
    ],
)
def test_in_touch(status: Status | None, expected: bool) -> None:
    class Manager(MemoryManager):
        pass

    if status is not None:
        Manager.status = lambda self: status  # type: ignore[attr-defined]
    assert in_touch(Server(Manager())) is expected
