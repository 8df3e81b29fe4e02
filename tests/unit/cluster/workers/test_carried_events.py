"""Events that cross as text, for whoever looks into them at the other worker."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from rtserver.cluster.clustered import ClusterManager
from rtserver.cluster.workers.bus import WorkerBus
from rtserver.cluster.workers.place import Place
from rtserver.server.delivery.history import History
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.socketio.codec import Codec
from rtserver.socketio.json_codec import JsonCodec
from rtserver.socketio.msgpack_codec import MsgpackCodec
from tests.contract.conftest import received
from tests.support.engine import until
from tests.unit.server.harness import Harness

Pair = Callable[..., Awaitable[tuple[Harness, Harness]]]


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    """Make two workers."""
    made: list[Harness] = []

    async def make(*codecs: Codec, **settings: Any) -> tuple[Harness, Harness]:
        for name, codec in zip(("aaaa", "bbbb"), codecs or (None, None), strict=True):
            manager = ClusterManager(WorkerBus(Place(tmp_path, name)))
            made.append(Harness(codec, manager=manager, **settings))
            await made[-1].sio.start()
        await until(lambda: all(bus_of(each).status().peers for each in made))
        return made[0], made[1]

    yield make
    for harness in made:
        await harness.sio.shutdown()


def bus_of(harness: Harness) -> WorkerBus:
    bus: WorkerBus = harness.sio.manager._bus  # type: ignore[attr-defined]
    return bus


async def test_a_room_in_which_a_worker_has_nobody_is_skipped_there(pair: Pair) -> None:
    one, two = await pair()
    client = two.session()
    sid = client.join()
    await two.sio.enter_room(sid, "x")
    await one.sio.emit("event", room="y")
    await one.sio.emit("picture", b"\x00", room="y")
    await one.sio.emit("event", room="x")
    assert await received(client) == ['42["event"]']
    status = bus_of(two).status()
    assert (status.received, status.skipped) == (3, 2)


async def test_an_outgoing_catch_all_sees_the_arguments(pair: Pair) -> None:
    one, two = await pair()
    client = two.session()
    seen: list[Any] = []
    two.sio.socket(client.join()).on_any_outgoing(lambda *args: seen.append(args))
    await one.sio.emit("event", {"n": 1})
    assert await received(client) == ['42["event",{"n":1}]']
    assert seen == [("event", {"n": 1})]


async def test_a_rooms_history_has_them(pair: Pair) -> None:
    one, two = await pair(history=History(rooms="x"))
    await one.sio.emit("event", {"n": 1}, room="x")
    await until(lambda: bus_of(two).status().received == 1)
    page = await two.sio.history("x")
    assert [(event.event, event.args) for event in page] == [("event", ({"n": 1},))]


@pytest.mark.parametrize(
    ("codec", "expected"),
    [
        (JsonCodec(json_module=json), '42["event",1]'),
        (MsgpackCodec(), b"\x83\xa4type\x02\xa4data\x92\xa5event\x01\xa3nsp\xa1/"),
    ],
)
async def test_other_codecs(pair: Pair, codec: Codec, expected: str | bytes) -> None:
    one, two = await pair(codec, codec)
    client = two.session()
    client.receive("0" if isinstance(expected, str) else b"\x82\xa4type\x00\xa3nsp\xa1/")
    client.take()
    await one.sio.emit("event", 1)
    assert await received(client) == [expected]


async def test_workers_with_different_codecs_part(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    one, two = await pair(JsonCodec(), MsgpackCodec())
    await one.sio.emit("event")
    await until(lambda: not bus_of(two).status().peers)
    assert "worker aaaa sent an event as text, expected another codec" in caplog.text


async def test_the_number_of_a_skipped_event_is_noted_for_recovery(pair: Pair) -> None:
    one, two = await pair(recovery=ConnectionStateRecovery())
    await one.sio.emit("event", room="nobody")
    await until(lambda: bus_of(two).status().skipped == 1)
    manager = two.sio.manager
    assert isinstance(manager, ClusterManager)
    assert manager._shared is not None
    assert manager._shared.progress.latest("aaaa") == 1
