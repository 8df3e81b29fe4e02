from __future__ import annotations

from typing import cast

from rtserver.engineio.session import Session
from rtserver.transport.registry import Registry


class FakeSession:
    def __init__(self, sid: str) -> None:
        self.sid = sid


def make(sid: str) -> Session:
    return cast(Session, FakeSession(sid))


def test_sessions_are_found_by_their_ids() -> None:
    sessions = Registry()
    one = make("one")
    sessions.add(one)
    assert sessions["one"] is one
    assert sessions.get("one") is one
    assert sessions.get("two") is None
    assert "one" in sessions
    assert "two" not in sessions
    assert len(sessions) == 1
    sessions.remove(one)
    sessions.remove(one)
    assert len(sessions) == 0


def test_sessions_may_be_removed_while_they_are_gone_through() -> None:
    sessions = Registry()
    for number in range(3):
        sessions.add(make(str(number)))
    for session in sessions:
        sessions.remove(session)
    assert list(sessions) == []


def test_ordinals() -> None:
    sessions = Registry()
    assert [sessions.next_ordinal() for _ in range(3)] == [1, 2, 3]


def test_ids_begin_with_the_name() -> None:
    sessions = Registry()
    assert len(sessions.new_sid()) == 20
    sessions.name = "abcd"
    assert sessions.new_sid().startswith("abcd")
