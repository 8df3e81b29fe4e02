from __future__ import annotations

import pytest

from rtserver.clock import Clock
from rtserver.cluster.recovery.store import LAG, ClusterStore
from rtserver.cluster.recovery.taken import Taken, Wanted
from rtserver.engineio.outgoing import Outgoing
from rtserver.server.counters import Counters
from rtserver.server.recovery.brought import Missed
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.server.recovery.session import RecoverableSession
from rtserver.server.recovery.store import Restored
from rtserver.server.target import Target
from tests.support.loop import FakeLoop

WANTED = Wanted("/", "other.pid", "other.1", 1000)


class Store(ClusterStore):
    """A store whose time the test moves; clients are noticed to be away after 10 seconds at most."""

    __slots__ = ("counters", "loop", "restored")

    def __init__(self) -> None:
        self.loop = FakeLoop()
        clock = Clock(self.loop)
        self.counters = Counters()
        self.restored: list[str] = []
        super().__init__(
            "here", ConnectionStateRecovery(60.0, max_bytes=100), 10.0, lambda: clock, self.counters
        )

    def send(self, text: str, *rooms: str, source: tuple[str, int] | None = None) -> None:
        target = Target("/", rooms)
        if source is not None:
            target = self.arrived(source, target)
        self.record(target, Outgoing(text.encode()), source)

    def come(self, *missed: str, wanted: Wanted = WANTED, **vector: int) -> RecoverableSession | None:
        """Take over a session that has missed these events."""
        events = [Missed(f"other.{number}", Outgoing(text.encode())) for number, text in enumerate(missed, 2)]
        taken = Taken(f"sid of {wanted.pid}", ("a",), None, events, vector)
        restored = self.adopt(wanted, taken, self.now())
        if restored is None:
            return None
        self.restored = [outgoing.text.decode() for outgoing in restored.missed]
        return restored.session

    def back(self, offset: str | None, pid: str = WANTED.pid) -> list[str] | None:
        restored = self.restore("/", pid, offset, 1000)
        if not isinstance(restored, Restored):
            return None
        return [outgoing.text.decode() for outgoing in restored.missed]


@pytest.fixture
def store() -> Store:
    return Store()


def test_names_tell_where_they_are_from(store: Store) -> None:
    assert store.open("/", "sid").pid.startswith("here.")
    assert (store.offset("/"), store.next_offset()) == ("here.0", "here.1")
    assert store.is_used("/any")


def test_what_came_here_later_is_added(store: Store) -> None:
    store.send("long ago", source=("b", 9))
    store.loop.advance(LAG + 1)
    store.send("1", source=("b", 3))
    store.send("2", source=("b", 4))
    store.send("of a server that was unknown there", "a", source=("c", 1))
    store.send("for others", "b", source=("c", 2))
    store.send("before it was asked for")
    store.loop.advance(1)
    store.come("there", b=3)
    assert store.restored == ["there", "2", "of a server that was unknown there"]


def test_of_what_has_no_number_that_is_added_which_came_since_it_was_asked_for(store: Store) -> None:
    store.send("since")
    store.come()
    assert store.restored == ["since"]


def test_what_it_had_there_already_is_not_for_it(store: Store) -> None:
    store.come("there", b=3)
    sid = f"sid of {WANTED.pid}"
    assert store.arrived(("b", 3), Target("/", (), ("x",))).except_rooms == ("x", sid)
    assert store.arrived(("b", 4), Target("/")).except_rooms == ()
    assert len(store.late) == 0


def test_one_that_is_lost_at_once_says_how_far_it_got(store: Store) -> None:
    session = store.come("2", "3")
    assert session is not None
    store.send("live")
    for offset, missed in (
        ("other.1", ["2", "3", "live"]),
        ("other.2", ["3", "live"]),
        ("other.3", ["live"]),
        ("here.1", []),
    ):
        store.save(session)
        assert store.back(offset) == missed
    store.save(session)
    for wrong in ("other.4", None, "here.2", "1"):
        assert store.back(wrong) is None
    assert store.back("other.3") == ["live"]


def test_what_it_came_with_is_kept_until_it_has_surely_been_received(store: Store) -> None:
    session = store.come("2", "3")
    assert session is not None
    store.loop.advance(5)
    store.save(session)
    store.loop.advance(20)
    assert store.back("other.1") == ["2", "3"]  # it was lost before
    store.loop.advance(20)
    store.save(session)
    assert store.back("other.1") is None
    assert store.back("other.3") == []
    store.discard(session)
    store.loop.advance(100)
    assert (len(store), store._brought_bytes) == (0, 0)


def test_what_clients_came_with_is_bounded_for_all_together(store: Store) -> None:
    first = store.come(60 * "x", wanted=WANTED._replace(pid="other.first"))
    second = store.come(60 * "y", wanted=WANTED._replace(pid="other.second"))
    assert first is not None
    assert second is not None
    assert store._brought_bytes == 60
    store.save(first)
    store.save(second)
    assert store.back("other.1", "other.first") is None
    assert store.back("other.1", "other.second") == [60 * "y"]


def test_one_that_has_missed_too_much_is_a_new_client(store: Store) -> None:
    store.send(600 * "x", source=("b", 1))
    assert store.come(500 * "x", wanted=WANTED._replace(limit=400)) is None
    assert store.counters.recoveries_too_old == 1
    assert store._users == {}


def test_a_session_is_given_away_once(store: Store) -> None:
    session = store.open("/", "sid")
    session.rooms = ("a",)
    session.data = {"name": "Ada"}
    store.send("1", "a", source=store.progress.next())
    store.save(session)
    wanted = Wanted("/", session.pid, None, 1000)
    taken = store.give(wanted)
    assert taken is not None
    assert (taken.sid, taken.rooms, taken.data, taken.vector) == ("sid", ("a",), {"name": "Ada"}, {"here": 1})
    assert [(offset, outgoing.text) for offset, outgoing in taken.missed] == [("here.1", b"1")]
    assert store.give(wanted) is None
    assert (store._users, len(store.awaited)) == ({}, 0)


def test_nothing_is_left_at_the_end(store: Store) -> None:
    store.come("2", b=7)
    store.send("x")
    store.clear()
    store.late.expire(1000)
    assert (len(store), store._brought_bytes) == (0, 0)
