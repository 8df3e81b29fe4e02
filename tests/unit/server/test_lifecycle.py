from __future__ import annotations

import asyncio

from rtserver.server.flow import Flow
from rtserver.server.lifecycle import LifecycleTasks
from tests.unit.server.harness import Harness, turns


async def test_only_what_suspends_is_work_of_its_client() -> None:
    harness = Harness()
    session = harness.session()
    socket = harness.sio.socket(session.join())._socket
    hub, client = harness.sio._hub, session.context
    tasks = LifecycleTasks(hub, Flow(False, 10, hub.counters))
    may_end = asyncio.Event()

    async def at_once() -> None:
        pass

    async def cancelled() -> None:
        raise asyncio.CancelledError

    async def later() -> None:
        await may_end.wait()

    assert tasks.start(socket, at_once()) is None
    assert tasks.start(socket, cancelled()) is None
    assert client.running == 0
    task = tasks.start(socket, later())
    assert task is not None
    assert (client.running, task.socket, task in hub.runtime().tasks) == (1, socket, True)
    may_end.set()
    await turns()
    assert (client.running, hub.runtime().tasks) == (0, set())
