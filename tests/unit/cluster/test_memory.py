from __future__ import annotations

from typing import Any

import pytest
import socketio

from rtserver.cluster.memory import MemoryManager
from rtserver.server.manager import Manager


class Sink:
    def __init__(self) -> None:
        self.calls: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *args: self.calls.append((name, *args))


@pytest.fixture
def sink() -> Any:
    return Sink()


@pytest.fixture
def manager(sink: Any) -> Manager:
    made = MemoryManager()
    made.attach(sink)
    made.start()
    return made


def test_what_concerns_everyone_goes_to_the_clients_here(manager: Manager, sink: Sink) -> None:
    assert manager.emit("/", ["event", 1], ["x"], ["y"], print) is None
    assert manager.close_room("/", "x") is None
    assert sink.calls == [("emit", "/", ["event", 1], ["x"], ["y"], print), ("close_room", "/", "x")]


async def test_a_client_that_is_not_here_is_nowhere(manager: Manager, sink: Sink) -> None:
    with pytest.raises(ValueError, match="not connected"):
        manager.enter_room("/", "nobody", "x")
    with pytest.raises(socketio.exceptions.TimeoutError):
        await manager.call("/", ["event"], "nobody", 60)
    assert manager.leave_room("/", "nobody", "x") is None
    assert manager.disconnect("/", "nobody") is None
    assert manager.close() is None
    assert sink.calls == []
