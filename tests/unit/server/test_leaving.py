from __future__ import annotations

import asyncio
import gc
import logging
from typing import Any
from unittest.mock import AsyncMock

import pytest
import socketio

from rtserver.server.client import Client
from rtserver.server.delivery.slow_clients import policies
from rtserver.server.socket import Socket
from tests.unit.server.harness import FakeSession, Harness, turns

REFUSED = '44{"message":"Connection rejected by server"}'


async def test_refusal_data_that_can_not_be_sent_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    harness = Harness()

    @harness.sio.event
    def connect(sid: str, environ: Any) -> None:
        raise socketio.exceptions.ConnectionRefusedError("no", object())

    session = harness.session()
    session.receive("0")
    assert session.take() == ['44{"message":"no"}']
    assert "can't be sent" in caplog.text


async def test_always_connect_refuses_with_a_disconnect() -> None:
    harness = Harness(always_connect=True)
    left = AsyncMock()
    harness.sio.on("disconnect", left)
    harness.sio.on("connect", lambda sid, environ: False)
    session = harness.session()
    session.receive("0")
    assert session.take()[1:] == ["41"]
    assert left.call_count == 0
    session.receive('2["in flight"]')
    assert session.is_open
    assert harness.sio._hub.namespaces == {}
    counters = harness.sio.counters
    assert (counters.connects, counters.refusals, counters.disconnects) == (1, 1, 1)


async def test_a_call_fails_before_the_disconnect_handler_has_ended() -> None:
    harness = Harness()
    never = asyncio.Event()

    @harness.sio.event
    async def disconnect(sid: str) -> None:
        await never.wait()

    session = harness.session()
    sid = session.join()
    call = asyncio.create_task(harness.sio.call("event", to=sid))
    await turns(1)
    session.close()
    with pytest.raises(socketio.exceptions.TimeoutError):
        await call
    never.set()
    await turns()


async def test_the_disconnect_handler_still_sees_rooms_session_and_environ() -> None:
    harness = Harness()
    sio = harness.sio
    seen: list[Any] = []

    @sio.event
    async def disconnect(sid: str, reason: str) -> None:
        await asyncio.sleep(0)
        environ = sio.get_environ(sid)
        assert environ is not None
        await sio.emit("too late", to=sid)
        seen.append((sio.rooms(sid), await sio.get_session(sid), environ["REMOTE_ADDR"], reason))

    session = harness.session()
    sid = session.join()
    await sio.enter_room(sid, "room")
    await sio.save_session(sid, {"user": 1})
    session.receive("1")
    await turns()
    assert seen == [([sid, "room"], {"user": 1}, "203.0.113.7", "client disconnect")]
    assert session.take() == []
    assert sio.rooms(sid) == []
    with pytest.raises(KeyError):
        await sio.get_session(sid)


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("transport close", "transport close"),
        ("ping timeout", "ping timeout"),
        ("forced close", "server disconnect"),
        ("slow client", "slow client"),
    ],
)
async def test_disconnect_reasons(reason: str, told: str) -> None:
    harness = Harness()
    seen: list[str] = []
    harness.sio.on("disconnect", lambda sid, reason: seen.append(reason))
    session = harness.session()
    session.join()
    session.close(reason)
    assert seen == [told]


async def test_a_disconnect_handler_that_fails_is_logged_and_leaves_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    harness = Harness()

    @harness.sio.event
    def disconnect(sid: str) -> None:
        raise RuntimeError("broken")

    session = harness.session()
    session.join()
    session.close()
    assert "RuntimeError: broken" in caplog.text
    assert harness.sio._hub.namespaces == {}


async def test_disconnect_in_the_connect_handler_refuses() -> None:
    harness = Harness()

    @harness.sio.event
    async def connect(sid: str, environ: Any) -> None:
        await harness.sio.disconnect(sid)

    session = harness.session()
    session.receive("0")
    assert session.take() == [REFUSED]
    assert harness.sio.counters.refusals == 1


async def test_a_client_that_left_is_garbage_without_the_collector() -> None:
    harness = Harness()
    left = AsyncMock()
    harness.sio.on("disconnect", left)
    before = {id(each) for each in gc.get_objects()}
    gc.disable()
    try:
        session: FakeSession | None = harness.session()
        assert session is not None
        session.join()
        session.close()
        session.take()
        session = None
        await turns()
        alive = [each for each in gc.get_objects() if isinstance(each, (Client, Socket))]
        assert [each for each in alive if id(each) not in before] == []
    finally:
        gc.enable()


async def test_verbose_logs_who_comes_and_goes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    session = Harness(verbose=True).session()
    sid = session.join()
    session.close("ping timeout")
    assert f"{sid} connects to namespace /" in caplog.text
    assert f"{sid} leaves namespace /: ping timeout" in caplog.text


async def test_what_waits_for_a_slow_client_goes_before_its_refusal() -> None:
    harness = Harness(always_connect=True, slow_clients=policies("drop_oldest_volatile"))
    session = harness.session()

    @harness.sio.event
    async def connect(sid: str, environ: dict[str, Any]) -> bool:
        session.congested = True
        await harness.sio.emit("last", to=sid)
        return False

    session.receive("0")
    _, *rest = session.take()
    assert rest == ['42["last"]', "41"]
    assert harness.sio.counters.queued_bytes == 0
