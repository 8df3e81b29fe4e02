from __future__ import annotations

from typing import Any

import pytest

from rtserver.cluster.memory import MemoryManager
from rtserver.server.answers import Fetched
from rtserver.server.manager import Manager
from rtserver.server.target import PLAIN, Target
from tests.unit.server.harness import Harness, turns

EVERYONE = Target("/")


class Sink:
    def __init__(self) -> None:
        self.calls: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **options: self.calls.append((name, *args))


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
    assert manager.alone
    assert manager.emit(EVERYONE, ["event", 1], PLAIN, print) is None
    assert manager.join(EVERYONE, ["x"]) is None
    assert manager.leave(EVERYONE, ["x"]) is None
    assert manager.disconnect(EVERYONE, True) is None
    assert manager.close() is None
    assert sink.calls == [
        ("emit", EVERYONE, ["event", 1], PLAIN, print, None),
        ("join", EVERYONE, ["x"]),
        ("leave", EVERYONE, ["x"]),
        ("disconnect", EVERYONE, True),
    ]


async def test_there_are_no_other_servers(manager: Manager, sink: Sink) -> None:
    assert await manager.fetch(EVERYONE, 1) == Fetched((), ())
    assert manager.server_side_emit("/", ["event"]) is None
    answers = await manager.server_side_ask("/", ["event"], 1)
    assert (list(answers), answers.complete) == ([], True)
    assert sink.calls == []


async def test_asking_returns_who_answered_and_who_left() -> None:
    manager = MemoryManager()
    harness = Harness(manager=manager)
    here, gone = harness.session(), harness.session()
    here.join()
    left = gone.join()
    task = harness.sio.start_background_task(manager.ask, EVERYONE, ["question"], PLAIN, None)
    await turns()
    assert here.take() == gone.take() == ['421["question"]']
    here.receive('31["yes"]')
    await turns()
    assert not task.done()
    gone.close()
    answers = await task
    assert (list(answers), answers.missing, answers.complete) == (["yes"], (left,), False)
