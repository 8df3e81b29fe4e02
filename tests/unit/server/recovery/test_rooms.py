from __future__ import annotations

from rtserver.server.recovery.session import RecoverableSession
from rtserver.server.target import Target
from tests.unit.server.recovery.test_memory import Store


def released(store: Store) -> list[tuple[str, object]]:
    rooms: list[tuple[str, object]] = []
    store.awaited.on_release = lambda namespace, room: rooms.append((namespace, room))
    return rooms


def away(store: Store, pid: str, *rooms: str) -> RecoverableSession:
    session = store.session(pid, *rooms)
    store.save(session)
    return session


def test_the_rooms_of_a_client_that_is_away_are_awaited_until_it_is_back() -> None:
    store = Store()
    gone = released(store)
    session = store.session("one", "a")
    assert ("/", "a") not in store.awaited
    store.save(session)
    assert all(("/", room) in store.awaited for room in ("a", session.sid))
    assert ("/other", "a") not in store.awaited
    assert store.awaited.has_namespace("/")
    assert not store.awaited.has_namespace("/other")
    assert store.missed(None, "one") == []
    assert len(store.awaited) == 0
    assert gone == [("/", session.sid), ("/", "a")]


def test_a_room_is_awaited_as_long_as_anybody_may_come_back_to_it() -> None:
    store = Store()
    gone = released(store)
    one, two = away(store, "one", "a"), away(store, "two", "a")
    store.discard(one)
    store.discard(one)
    assert ("/", "a") in store.awaited
    assert store.awaited.has_namespace("/")
    assert gone == [("/", one.sid)]
    store.disconnect(Target("/", (two.sid,)))
    assert len(store.awaited) == 0
    assert not store.awaited.has_namespace("/")


def test_who_is_taken_out_of_a_room_is_not_awaited_there() -> None:
    store = Store()
    session = away(store, "one", "a", "b")
    store.leave(Target("/", ("a",)), ("a", "never entered"))
    assert ("/", "a") not in store.awaited
    assert ("/", "b") in store.awaited
    store.discard(session)
    assert len(store.awaited) == 0


def test_who_does_not_come_back_in_time_is_not_awaited() -> None:
    store = Store(max_sessions=1)
    away(store, "one", "a")
    away(store, "two", "b")  # in place of the other one
    assert ("/", "a") not in store.awaited
    store.loop.advance(120.0)
    assert len(store.awaited) == 0
    away(store, "three", "c")
    store.clear()
    assert len(store.awaited) == 0
