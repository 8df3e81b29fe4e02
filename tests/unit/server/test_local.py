from __future__ import annotations

import asyncio

from rtserver.server.target import Target
from tests.unit.server.harness import Harness

EVERYONE = Target("/")


async def test_clients_are_described_and_disconnected() -> None:
    harness = Harness()
    local = harness.sio._local
    session = harness.session()
    sid = session.join()
    local.join(EVERYONE, ["x"])
    [details] = local.details(EVERYONE)
    assert (details.sid, details.rooms, details.data) == (sid, [sid, "x"], {})
    assert local.disconnect(Target("/", ["nobody"])) is None
    assert local.disconnect(Target("/", ["x"])) is None
    assert session.take() == ["41"]
    assert local.details(EVERYONE) == []


async def test_disconnecting_waits_for_handlers_and_may_close_the_connection() -> None:
    harness = Harness()
    ended = asyncio.Event()

    @harness.sio.event
    async def disconnect(sid: str) -> None:
        await ended.wait()

    session = harness.session()
    session.join()
    waiting = harness.sio._local.disconnect(EVERYONE, close=True)
    assert waiting is not None
    assert session.closed_for is not None
    ended.set()
    await waiting


async def test_a_namespace_without_clients_is_nothing_to_do() -> None:
    local = Harness().sio._local
    nowhere = Target("/nowhere")
    local.emit(nowhere, ["event"])
    assert local.ask(nowhere, ["event"]).count == 0
    assert local.sockets(nowhere) == []
    assert local.join(nowhere, ["x"]) == local.leave(nowhere, ["x"]) == 0
    assert local.disconnect(nowhere) is None
    assert local.server_side("/", ["event"]) is None
