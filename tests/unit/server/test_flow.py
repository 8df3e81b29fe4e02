from __future__ import annotations

from typing import Any

from rtserver.server.client import Client
from rtserver.server.counters import Counters
from rtserver.server.flow import Flow


class Reading:
    def __init__(self) -> None:
        self.log: list[str] = []

    def pause_reading(self) -> None:
        self.log.append("pause")

    def resume_reading(self) -> None:
        self.log.append("resume")


def make(serial: bool, limit: int) -> tuple[Flow, Client, Reading, Counters]:
    session: Any = Reading()
    counters = Counters()
    return Flow(serial, limit, counters), Client(session), session, counters


def test_reading_pauses_at_the_limit_and_resumes_at_half_of_it() -> None:
    flow, client, reading, counters = make(serial=False, limit=4)
    for _ in range(3):
        flow.started(client)
    assert reading.log == []
    flow.started(client)
    flow.started(client)
    assert reading.log == ["pause"]
    for _ in range(2):
        flow.ended(client)
    assert reading.log == ["pause"]
    flow.ended(client)
    assert reading.log == ["pause", "resume"]
    assert counters.reading_pauses == 1


def test_a_client_that_is_read_all_the_same_is_paused_again() -> None:
    flow, client, reading, counters = make(serial=False, limit=4)
    for _ in range(12):
        flow.started(client)
    assert reading.log == ["pause"] * 3
    assert counters.reading_pauses == 1


def test_concurrent_handlers_never_wait() -> None:
    flow, client, _, _ = make(serial=False, limit=4)
    flow.started(client)
    assert not flow.must_wait(client)


def test_serial_work_waits_for_what_runs_and_keeps_its_order() -> None:
    flow, client, _, _ = make(serial=True, limit=100)
    done: list[int] = []
    assert not flow.must_wait(client)
    flow.started(client)
    assert flow.must_wait(client)

    def suspending() -> None:
        done.append(1)
        flow.started(client)

    flow.defer(client, suspending)
    flow.defer(client, lambda: done.append(2))
    flow.ended(client)
    assert done == [1]
    assert flow.must_wait(client)
    flow.ended(client)
    assert done == [1, 2]
    assert not flow.must_wait(client)
    assert client.backlog is None


def test_a_long_backlog_pauses_reading() -> None:
    flow, client, reading, _ = make(serial=True, limit=4)
    flow.started(client)
    for _ in range(4):
        flow.defer(client, lambda: None)
    assert reading.log == ["pause"]
    flow.ended(client)
    assert reading.log == ["pause", "resume"]


def test_cleared_work_is_not_done() -> None:
    flow, client, _, _ = make(serial=True, limit=4)
    flow.clear(client)
    flow.started(client)
    flow.defer(client, lambda: (_ for _ in ()).throw(AssertionError))
    flow.clear(client)
    flow.ended(client)
