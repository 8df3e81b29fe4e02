from __future__ import annotations

import pytest

from rtserver.clock import Clock
from rtserver.engineio.outgoing import Outgoing
from rtserver.server.counters import Counters
from rtserver.server.recovery.memory import MemoryStore
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.server.recovery.session import RecoverableSession
from rtserver.server.recovery.store import Restored
from rtserver.server.target import Target
from tests.support.loop import FakeLoop


class Store(MemoryStore):
    """A store whose time the test moves; clients are noticed to be away after 10 seconds at most."""

    def __init__(self, max_packets: int = 100, max_sessions: int = 100) -> None:
        self.loop = FakeLoop()
        self.clock = Clock(self.loop)
        self.counters = Counters()
        options = ConnectionStateRecovery(60.0, max_packets=max_packets, max_sessions=max_sessions)
        super().__init__(options, 10.0, lambda: self.clock, self.counters)

    def session(self, pid: str = "pid", *rooms: str, namespace: str = "/") -> RecoverableSession:
        session = self.open(namespace, f"sid of {pid}")
        session.pid = pid
        session.rooms = rooms
        return session

    def send(self, text: str, *rooms: str, namespace: str = "/") -> str:
        """Record an event and return its offset."""
        offset = self.next_offset()
        self.record(Target(namespace, rooms), Outgoing(text.encode()))
        return offset

    def missed(self, offset: str | None, pid: str = "pid", namespace: str = "/") -> list[bytes] | None:
        """Let a client come back, and return what it has missed."""
        restored = self.restore(namespace, pid, offset, 1000)
        assert restored is None or isinstance(restored, Restored)
        return None if restored is None else [outgoing.text for outgoing in restored.missed]


@pytest.fixture
def store() -> Store:
    return Store()


def test_a_client_that_is_back_gets_what_it_missed(store: Store) -> None:
    store.send("before it came")
    session = store.session("pid", "a")
    received = store.send("received")
    store.send("half-open", "a")
    store.save(session)
    store.send("for others", "b")
    store.send("for everyone")
    assert store.missed(received) == [b"half-open", b"for everyone"]
    assert session.left_at is None
    assert store.missed(received) is None  # it is back already
    store.save(session)
    assert store.missed(received) == [b"half-open", b"for everyone"]  # it was lost again at once


def test_one_that_has_received_nothing_gets_everything_since_it_came(store: Store) -> None:
    store.send("before it came")
    session = store.session()
    store.send("one")
    store.save(session)
    store.send("two")
    assert store.missed(None) == [b"one", b"two"]


@pytest.mark.parametrize("offset", ["", "x", "-1", "0", "4", "1e3", "²", "1" * 17, " 2"])
def test_an_offset_that_the_client_was_not_told_is_refused(store: Store, offset: str) -> None:
    store.send("before it came")
    session = store.session()
    store.send("one")
    store.send("two")
    store.save(session)
    assert store.missed(offset) is None
    assert store.counters.recoveries_unknown == 1
    assert store.missed("2") == [b"two"]  # the client itself can still come


def test_a_pid_of_another_namespace_or_none_at_all_is_refused(store: Store) -> None:
    store.save(store.session())
    assert store.missed(None, namespace="/other") is None
    assert store.missed(None, pid="forged") is None
    assert store.counters.recoveries_unknown == 2
    assert store.missed(None) == []


def test_a_client_has_so_much_time(store: Store) -> None:
    store.save(store.session())
    store.save(store.session("late"))
    store.loop.advance(59.9)
    assert store.missed(None) == []
    store.loop.advance(0.2)
    assert store.missed(None, "late") is None
    assert store.counters.recoveries_expired == 1


def test_nothing_is_left_behind(store: Store) -> None:
    session = store.session()
    store.send("one")
    store.loop.advance(5)
    store.save(session)
    store.loop.advance(60)
    assert len(store) == 2
    store.loop.advance(30)
    assert len(store) == 0
    assert len(store.clock) == 0
    assert not store.is_used("/")
    assert store.counters.recoveries_expired == 1


def test_an_event_is_kept_for_as_long_as_someone_may_ask_for_it(store: Store) -> None:
    session = store.session()
    store.send("half-open")
    store.loop.advance(10)
    store.save(session)
    store.loop.advance(59)
    assert store.missed(None) == [b"half-open"]


def test_events_count_for_sessions_only(store: Store) -> None:
    assert not store.is_used("/")
    one, two = store.session("one"), store.session("two")
    assert store.is_used("/")
    assert not store.is_used("/other")
    store.discard(one)
    store.discard(one)
    assert store.is_used("/")
    store.discard(two)
    assert not store.is_used("/")


def test_more_than_was_kept_is_too_old() -> None:
    store = Store(max_packets=2)
    session = store.session()
    store.send("one")
    store.save(session)
    store.send("two")
    store.send("three")
    assert store.counters.recovery_evictions == 1
    assert store.missed(None) is None
    assert store.counters.recoveries_too_old == 1
    assert not store.is_used("/")


def test_what_was_evicted_after_the_client_had_received_it_is_not_missed() -> None:
    store = Store(max_packets=2)
    session = store.session()
    one = store.send("one")
    store.send("two")
    store.send("three")
    store.save(session)
    assert store.missed(one) == [b"two", b"three"]
    quiet = store.session("quiet", "a")
    seen = store.offset("/")
    for _ in range(9):
        store.send("for others", "b")
    store.loop.advance(30)  # it has answered heartbeats since
    store.save(quiet)
    assert store.missed(seen, "quiet") == []


def test_more_than_fits_is_too_old(store: Store) -> None:
    session = store.session()
    store.send("x" * 1001)
    store.save(session)
    assert store.missed(None) is None
    assert store.counters.recoveries_too_old == 1


def test_where_a_client_was_too_long_ago_is_too_old(store: Store) -> None:
    session = store.session()
    store.send("one")
    store.send("two")
    session.floor = 1
    store.save(session)
    assert store.missed("0") is None
    assert store.counters.recoveries_too_old == 1


def test_the_number_of_those_who_are_away_is_bounded() -> None:
    store = Store(max_sessions=2)
    for pid in ("one", "two", "three"):
        store.save(store.session(pid))
    assert store.missed(None, "one") is None
    assert store.missed(None, "two") == []
    assert store.counters.recoveries_expired == 1


def test_who_is_away_can_be_taken_out_of_a_room(store: Store) -> None:
    store.save(store.session("one", "a", "b"))
    store.save(store.session("two", "a"))
    store.send("before", "a")
    store.leave(Target("/", ("sid of one",)), ("a",))
    store.send("after", "a")
    assert store.missed(None, "one") == [b"before"]
    assert store.missed(None, "two") == [b"before", b"after"]


def test_who_is_away_can_be_turned_out(store: Store) -> None:
    for pid in ("one", "two", "three"):
        store.save(store.session(pid, "a"))
    store.save(store.session("four", "b"))
    store.disconnect(Target("/", ("a",), ("sid of two",)))
    store.disconnect(Target("/other"))
    found = [store.missed(None, pid) is not None for pid in ("one", "two", "three", "four")]
    assert found == [False, True, False, True]


def test_a_recorded_event_is_kept_without_its_wire_forms(store: Store) -> None:
    store.save(store.session())
    outgoing = Outgoing(b"text", (b"attachment",))
    assert outgoing.websocket
    store.record(Target("/"), outgoing)
    (kept,) = store.restore("/", "pid", None, 100).missed  # type: ignore[union-attr]
    assert (kept.text, kept.attachments) == (b"text", (b"attachment",))
    assert kept._websocket is None


def test_clear_forgets_who_is_away_and_every_event(store: Store) -> None:
    store.save(store.session())
    connected = store.session("connected")
    store.send("one")
    store.clear()
    assert (len(store), len(store.clock)) == (0, 0)
    assert store.missed(None) is None
    assert store.is_used("/")
    store.discard(connected)
    assert not store.is_used("/")


def test_what_expired_while_the_client_could_not_leave_is_too_old(store: Store) -> None:
    session = store.session()
    store.send("half-open")
    session.lost_at = store.clock.now()
    store.loop.advance(90)  # a handler runs
    store.save(session)
    assert store.missed(None) is None
    assert store.counters.recoveries_too_old == 1
