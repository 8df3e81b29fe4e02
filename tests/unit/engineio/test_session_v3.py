from __future__ import annotations

import pytest

from rtserver.clock import RESOLUTION
from rtserver.engineio.handler import Handshake
from rtserver.engineio.session import Event, State
from rtserver.engineio.session_v3 import SessionV3
from rtserver.errors import EngineViolation
from tests.unit.engineio.test_session import FakeCarrier, Host


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def carrier() -> FakeCarrier:
    return FakeCarrier()


@pytest.fixture
def session(host: Host, carrier: FakeCarrier) -> SessionV3:
    session = SessionV3(host, "sid", Handshake("GET", "/"), patience=45.0)
    session.carry(carrier)
    session.open(Event.OPEN_POLLING)
    return session


def test_its_version(session: SessionV3) -> None:
    assert session.protocol == 3


def test_a_ping_is_answered(session: SessionV3, carrier: FakeCarrier) -> None:
    session.receive("2")
    session.receive("2")
    assert carrier.done == [b"3", b"3"]


def test_messages(session: SessionV3, host: Host) -> None:
    for packet in ("4text", b"2", "4", "6"):
        session.receive(packet)
    assert host.taker.messages == ["text", b"2", ""]


@pytest.mark.parametrize("packet", ["3", "3probe", "0{}", "5", "7", ""])
def test_what_a_client_may_not_send(session: SessionV3, packet: str) -> None:
    with pytest.raises(EngineViolation):
        session.receive(packet)


def test_a_silent_client(session: SessionV3, host: Host, carrier: FakeCarrier) -> None:
    host.loop.advance(45 - RESOLUTION)
    assert session.is_open
    host.loop.advance(3 * RESOLUTION)
    assert host.taker.reasons == ["ping timeout"]
    assert carrier.done == [("close", 1001, "ping timeout")]


def test_pings_keep_it(session: SessionV3, host: Host, carrier: FakeCarrier) -> None:
    for _ in range(10):
        host.loop.advance(40)
        session.receive("2")
    assert carrier.done == [b"3"] * 10
    host.loop.advance(45 - RESOLUTION)
    assert session.is_open
    host.loop.advance(3 * RESOLUTION)
    assert host.taker.reasons == ["ping timeout"]


def test_no_other_packet_keeps_it(session: SessionV3, host: Host) -> None:
    host.loop.advance(40)
    session.receive("4text")
    host.loop.advance(5 + RESOLUTION)
    assert host.taker.reasons == ["ping timeout"]


def test_overdue_before_the_timer_has_seen_it(session: SessionV3, host: Host) -> None:
    host.loop.seconds += 44.9
    assert not session.is_overdue()
    host.loop.seconds += 0.2
    assert session.is_overdue()
    session.close()
    assert not session.is_overdue()


def test_a_client_that_is_not_read_from_is_not_taken_for_dead(host: Host, carrier: FakeCarrier) -> None:
    session = SessionV3(host, "sid", Handshake("GET", "/"), patience=45.0)
    session.carry(carrier)
    session.open(Event.OPEN_WEBSOCKET)
    session.pause_reading()
    host.loop.advance(200)
    host.loop.seconds += 50
    assert not session.is_overdue()
    session.resume_reading()
    host.loop.advance(44)
    assert session.is_open
    host.loop.advance(1 + 2 * RESOLUTION)
    assert host.taker.reasons == ["ping timeout"]


def test_one_that_polls_and_is_not_read_from_is_asked_to_poll_again(
    session: SessionV3, host: Host, carrier: FakeCarrier
) -> None:
    session.pause_reading()
    del carrier.done[:]
    for count in range(5):
        assert carrier.done == [b"6"] * count
        session.polled = True  # by a GET
        host.loop.advance(45 + 2 * RESOLUTION)
    assert session.is_open
    host.loop.advance(45 + 2 * RESOLUTION)
    assert host.taker.reasons == ["ping timeout"]


def test_a_packet_that_is_too_much(session: SessionV3, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "send_text", lambda packet: session.lose("slow client"))
    session.pause_reading()
    session.polled = True
    host.loop.advance(45 + 2 * RESOLUTION)
    assert host.taker.reasons == ["slow client"]
    assert len(host.clock) == 0


def test_nothing_is_received_once_closed(session: SessionV3, host: Host, carrier: FakeCarrier) -> None:
    session.close()
    del carrier.done[:]
    for packet in ("2", "3", "4x"):
        session.receive(packet)
    assert carrier.done == []
    assert host.taker.messages == []
    assert session.state is State.CLOSED
