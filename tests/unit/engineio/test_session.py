from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from rtserver.clock import RESOLUTION, Clock
from rtserver.engineio.counters import Counters
from rtserver.engineio.handler import EngineHandler, Handshake
from rtserver.engineio.handler import Session as SessionProtocol
from rtserver.engineio.outgoing import Outgoing
from rtserver.engineio.session import TRANSITIONS, Carrier, Event, Session, State
from rtserver.errors import EngineViolation
from rtserver.ids import veiled
from tests.support.loop import FakeLoop


class Handler:
    def __init__(self) -> None:
        self.messages: list[str | bytes] = []
        self.reasons: list[str] = []
        self.fails = False

    def connect(self, session: SessionProtocol, /) -> None: ...

    def message(self, session: SessionProtocol, data: str | bytes, /) -> None:
        self.messages.append(data)

    def disconnect(self, session: SessionProtocol, reason: str, /) -> None:
        self.reasons.append(reason)
        if self.fails:
            raise ValueError("broken")

    def drain(self, session: SessionProtocol, /) -> None: ...


class Host:
    def __init__(self) -> None:
        self.loop = FakeLoop()
        self.clock = Clock(self.loop)
        self.taker = Handler()
        self.handler: EngineHandler = self.taker
        self.counters = Counters()
        self.ping_interval = 25.0
        self.ping_timeout = 20.0
        self.close_timeout = 10.0
        self.forgotten: list[Session] = []

    def forget(self, session: Session) -> None:
        self.forgotten.append(session)


class FakeCarrier:
    def __init__(self, name: str = "polling") -> None:
        self.name = name
        self.buffered = 7
        self.writable = True
        self.congested = False
        self.done: list[Any] = []
        self.can_say_goodbye = True

    def send_text(self, packet: bytes, /) -> None:
        self.done.append(packet)

    def send_outgoing(self, outgoing: Outgoing, /) -> None:
        self.done.append((outgoing.text, outgoing.attachments))

    def close(self, code: int, reason: str) -> bool:
        self.done.append(("close", code, reason))
        return self.can_say_goodbye

    def release(self) -> None:
        self.done.append("release")

    def abort(self) -> None:
        self.done.append("abort")

    def pause_reading(self) -> None:
        self.done.append("pause")

    def resume_reading(self) -> None:
        self.done.append("resume")


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def carrier() -> FakeCarrier:
    return FakeCarrier()


def state(session: Session) -> State:
    return session.state


def make(host: Host, carrier: Carrier, event: Event | None = Event.OPEN_POLLING, ordinal: int = 0) -> Session:
    session = Session(host, "sid", Handshake("GET", "/"), ordinal)
    session.carry(carrier)
    if event is not None:
        session.open(event)
    return session


@pytest.fixture
def session(host: Host, carrier: FakeCarrier) -> Session:
    return make(host, carrier)


class TestTransitions:
    def test_every_state_but_the_last_can_end(self) -> None:
        for each in State:
            assert ((each, Event.END) in TRANSITIONS) == (each is not State.CLOSED)

    def test_nothing_leads_back_to_life(self) -> None:
        for (before, _), following in TRANSITIONS.items():
            if before >= State.CLOSING:
                assert following is State.CLOSED

    def test_every_state_can_be_reached(self) -> None:
        reached = {State.OPENING}
        for _ in State:
            reached |= {following for (before, _), following in TRANSITIONS.items() if before in reached}
        assert reached == set(State)

    def test_what_is_not_in_the_table_is_refused(self, session: Session) -> None:
        with pytest.raises(EngineViolation, match="UPGRADE isn't possible in state POLLING"):
            session.upgraded()
        assert state(session) is State.POLLING


class TestSending:
    def test_the_carrier_gets_it(self, session: Session, carrier: FakeCarrier) -> None:
        session.send_text(b"4a")
        session.send_outgoing(Outgoing(b"4b", (b"\1",)))
        session.send("hällo")
        session.send(b"\0")
        assert carrier.done == [b"4a", (b"4b", (b"\1",)), "4hällo".encode(), (b"", (b"\0",))]

    def test_nothing_is_sent_once_closed(self, session: Session, carrier: FakeCarrier) -> None:
        session.close()
        done = list(carrier.done)
        session.send_text(b"4a")
        session.send_outgoing(Outgoing(b"4b"))
        session.send("c")
        assert carrier.done == done

    def test_what_the_carrier_tells(self, session: Session, carrier: FakeCarrier) -> None:
        assert (session.transport_name, session.buffered, session.writable) == ("polling", 7, True)
        assert not session.congested
        carrier.writable = False
        carrier.congested = True
        assert not session.writable
        assert session.congested
        session.close()
        assert (session.buffered, session.writable, session.is_open) == (0, False, False)

    def test_reading_pauses_in_the_carrier(self, session: Session, carrier: FakeCarrier) -> None:
        session.pause_reading()
        session.resume_reading()
        assert carrier.done == ["pause", "resume"]
        session.close()
        session.pause_reading()
        session.resume_reading()


class TestReceiving:
    def test_messages(self, session: Session, host: Host) -> None:
        for packet in ("4a", "4", b"\1"):
            session.receive(packet)
        assert host.taker.messages == ["a", "", b"\1"]

    def test_pong_and_noop_are_nothing_to_the_handler(self, session: Session, host: Host) -> None:
        session.receive("3")
        session.receive("6")
        assert host.taker.messages == []
        assert session.is_open

    @pytest.mark.parametrize("packet", ["", "0", "2", "2probe", "5", "7", "abc"])
    def test_what_a_client_may_not_send(self, session: Session, packet: str) -> None:
        with pytest.raises(EngineViolation, match="a packet that a client can't send now"):
            session.receive(packet)

    def test_a_close_packet(self, session: Session, host: Host, carrier: FakeCarrier) -> None:
        session.receive("1")
        assert carrier.done == ["release"]
        assert host.taker.reasons == ["transport close"]
        assert host.forgotten == [session]

    def test_nothing_is_received_once_closed(self, session: Session, host: Host) -> None:
        session.close()
        session.receive("4a")
        session.receive("nonsense")
        assert host.taker.messages == []


class TestClosing:
    def test_at_once(self, session: Session, host: Host, carrier: FakeCarrier) -> None:
        session.close()
        assert carrier.done == [("close", 1000, "")]
        assert host.taker.reasons == ["forced close"]
        assert state(session) is State.CLOSED
        assert host.forgotten == [session]
        assert session.carrier is None
        assert len(host.clock) == 0

    def test_with_a_code(self, session: Session, carrier: FakeCarrier) -> None:
        session.close("server shutting down", code=1001)
        assert carrier.done == [("close", 1001, "server shutting down")]

    def test_only_once(self, session: Session, host: Host) -> None:
        session.close("one")
        session.close("two")
        session.lose("three")
        session.fail("four")
        assert host.taker.reasons == ["one"]
        assert host.counters.sessions_closed == {"one": 1}

    def test_when_the_good_bye_must_wait(self, session: Session, host: Host, carrier: FakeCarrier) -> None:
        carrier.can_say_goodbye = False
        session.close()
        assert host.taker.reasons == ["forced close"]
        assert state(session) is State.CLOSING
        assert host.forgotten == []
        host.loop.advance(host.close_timeout + 2 * RESOLUTION)
        assert host.forgotten == [session]
        assert state(session) is State.CLOSED

    def test_a_client_lost_while_closing(self, session: Session, host: Host, carrier: FakeCarrier) -> None:
        carrier.can_say_goodbye = False
        session.close()
        session.lose("transport close")
        assert host.taker.reasons == ["forced close"]
        assert host.forgotten == [session]

    def test_lost(self, session: Session, host: Host, carrier: FakeCarrier) -> None:
        session.lose("transport error")
        assert carrier.done == ["abort"]
        assert host.taker.reasons == ["transport error"]

    def test_failed(self, session: Session, host: Host, carrier: FakeCarrier) -> None:
        session.fail("parse error")
        assert carrier.done == [("close", 1002, "parse error")]
        assert host.taker.reasons == ["parse error"]

    def test_in_connect(self, host: Host, carrier: FakeCarrier) -> None:
        session = make(host, carrier, None)
        session.close()
        assert state(session) is State.CLOSED
        assert host.taker.reasons == []
        assert host.forgotten == [session]

    def test_lost_before_it_was_open(self, host: Host, carrier: FakeCarrier) -> None:
        session = make(host, carrier, None)
        session.lose("transport close")
        assert host.taker.reasons == []

    def test_a_handler_that_fails_in_disconnect(self, session: Session, host: Host) -> None:
        host.taker.fails = True
        session.close()
        assert host.counters.handler_errors == 1
        assert host.forgotten == [session]

    def test_a_handler_that_fails_in_message(
        self, session: Session, host: Host, carrier: FakeCarrier, caplog: pytest.LogCaptureFixture
    ) -> None:
        try:
            raise ValueError("broken")
        except ValueError:
            session.handler_failed()
        assert carrier.done == [("close", 1011, "server error")]
        assert host.taker.reasons == ["server error"]
        assert f"the handler's message failed (connection {veiled(session.sid)})" in caplog.text
        assert caplog.records[0].__dict__["address"] == session.handshake.remote[0]


class TestUpgrade:
    def test_in_good_order(self, session: Session, host: Host, carrier: FakeCarrier) -> None:
        websocket = FakeCarrier("websocket")
        session.begin_upgrade(websocket)
        assert state(session) is State.UPGRADING
        session.send("a")
        session.probed()
        assert state(session) is State.PROBED
        session.receive("4b")
        assert session.upgraded() is carrier
        assert state(session) is State.WEBSOCKET
        assert session.transport_name == "websocket"
        session.send("c")
        assert (carrier.done, websocket.done) == ([b"4a"], [b"4c"])
        assert host.taker.messages == ["b"]
        assert host.counters.upgrades == 1

    def test_abandoned(self, session: Session, host: Host, carrier: FakeCarrier) -> None:
        for probed in (False, True):
            session.begin_upgrade(FakeCarrier("websocket"))
            if probed:
                session.probed()
            session.abandon_upgrade()
            assert state(session) is State.POLLING
        session.abandon_upgrade()
        session.send("a")
        assert carrier.done == [b"4a"]
        assert host.counters.upgrades_failed == 2

    def test_one_at_a_time(self, session: Session) -> None:
        session.begin_upgrade(FakeCarrier())
        with pytest.raises(EngineViolation):
            session.begin_upgrade(FakeCarrier())
        session.probed()
        with pytest.raises(EngineViolation):
            session.probed()

    @pytest.mark.parametrize("end", [Session.close, Session.end])
    def test_the_websocket_closes_with_the_session(
        self, session: Session, end: Callable[[Session], None]
    ) -> None:
        websocket = FakeCarrier()
        session.begin_upgrade(websocket)
        end(session)
        assert websocket.done == [("close", 1000, "")]
        session.abandon_upgrade()
        assert state(session) is State.CLOSED


class TestHeartbeat:
    def test_a_ping_each_interval(self, session: Session, host: Host, carrier: FakeCarrier) -> None:
        pings = []
        for second in range(100):
            host.loop.advance(1)
            if carrier.done:
                assert carrier.done == [b"2"]
                carrier.done.clear()
                pings.append(second)
                session.receive("3")
        gaps = {after - before for before, after in pairwise(pings)}
        assert len(pings) == 4
        assert gaps == {25}

    def test_the_first_one_is_spread(self, host: Host) -> None:
        first = []
        for ordinal in range(100):
            carrier = FakeCarrier()
            session = make(host, carrier, ordinal=ordinal)
            start = host.loop.seconds
            while not carrier.done:
                host.loop.advance(0.05)
            first.append(host.loop.seconds - start)
            session.end()
        assert min(first) >= 20
        assert max(first) <= 25 + 3 * RESOLUTION
        assert len({round(seconds, 1) for seconds in first}) > 30

    def test_no_answer(self, session: Session, host: Host, carrier: FakeCarrier) -> None:
        host.loop.advance(20 + 2 * RESOLUTION)
        assert carrier.done == [b"2"]
        host.loop.advance(19)
        assert session.is_open
        host.loop.advance(1 + 2 * RESOLUTION)
        assert carrier.done == [b"2", ("close", 1001, "ping timeout")]
        assert host.taker.reasons == ["ping timeout"]
        assert len(host.clock) == 0

    def test_a_pong_moves_no_timer(self, session: Session, host: Host) -> None:
        host.loop.advance(25 + RESOLUTION)
        timer = session._timer
        tick = timer._tick
        session.receive("3")
        assert timer._tick == tick
        host.loop.advance(20)
        assert session.is_open

    def test_a_late_pong_delays_the_next_ping(self, host: Host, carrier: FakeCarrier) -> None:
        """The time-out may be longer than the interval: there is one ping under way at most."""
        host.ping_interval, host.ping_timeout = 5, 20
        session = make(host, carrier)
        host.loop.advance(15)
        assert carrier.done == [b"2"]
        session.receive("3")
        host.loop.advance(10)
        assert carrier.done[:2] == [b"2", b"2"]

    def test_overdue_before_the_timer_has_seen_it(self, host: Host, carrier: FakeCarrier) -> None:
        host.ping_interval, host.ping_timeout = 0.3, 0.2
        session = make(host, carrier)
        host.loop.advance(0.4)
        assert carrier.done == [b"2"]
        host.loop.seconds += 0.2
        assert session.is_overdue()
        session.receive("3")
        assert not session.is_overdue()

    def test_a_client_that_is_not_read_from_is_not_taken_for_dead(
        self, host: Host, carrier: FakeCarrier
    ) -> None:
        session = make(host, carrier, Event.OPEN_WEBSOCKET)
        host.loop.advance(25 + RESOLUTION)
        session.pause_reading()
        host.loop.advance(100)
        assert not session.is_overdue()
        assert carrier.done.count(b"2") >= 4  # so that a connection that broke is noticed
        session.resume_reading()
        assert not session.is_overdue()
        host.loop.advance(24)
        assert session.is_open
        host.loop.advance(25)
        assert host.taker.reasons == ["ping timeout"]

    @pytest.mark.parametrize("timeout", [20, 60])
    def test_one_that_polls_and_is_not_read_from_is_dead_when_it_answers_no_ping_by_a_poll(
        self, host: Host, carrier: FakeCarrier, timeout: float
    ) -> None:
        host.ping_timeout = timeout
        session = make(host, carrier)
        session.pause_reading()
        for _ in range(10):
            session.polled = True  # by a GET
            host.loop.advance(25)
        assert session.is_open
        assert carrier.done.count(b"2") == 10
        session.polled = True
        host.loop.advance(25 + timeout + 5 * RESOLUTION)
        assert host.taker.reasons == ["ping timeout"]
        assert carrier.done.count(b"2") == 11

    def test_a_ping_that_is_too_much(
        self, host: Host, carrier: FakeCarrier, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        session = make(host, carrier)
        monkeypatch.setattr(session, "send_text", lambda packet: session.lose("slow client"))
        session.pause_reading()
        host.loop.advance(25 + 2 * RESOLUTION)
        assert host.taker.reasons == ["slow client"]
        assert len(host.clock) == 0

    def test_one_whose_upgrade_is_under_way_polls_no_more(self, host: Host, carrier: FakeCarrier) -> None:
        session = make(host, carrier)
        session.pause_reading()
        session.begin_upgrade(FakeCarrier("websocket"))
        host.loop.advance(100)
        assert session.is_open

    def test_it_goes_on_over_the_upgrade(self, session: Session, host: Host, carrier: FakeCarrier) -> None:
        websocket = FakeCarrier("websocket")
        session.begin_upgrade(websocket)
        session.probed()
        session.upgraded()
        host.loop.advance(25 + RESOLUTION)
        assert (carrier.done, websocket.done) == ([], [b"2"])
