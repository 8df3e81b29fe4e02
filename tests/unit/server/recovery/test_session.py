from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rtserver.server.recovery.session import MAX_MOVES, RecoverableSession, Whereabouts


class Positions:
    """What a session asks of its store."""

    def __init__(self) -> None:
        self.last = 0
        self.first = 1

    def position(self) -> int:
        return self.last

    def oldest(self) -> int:
        return self.first


def session_of(positions: Any) -> RecoverableSession:
    return RecoverableSession("pid", "sid", "/", positions)


@given(st.lists(st.sampled_from(["a", "b", "event"]), max_size=60))
def test_a_client_was_in_the_rooms_that_it_had_entered_by_then(steps: list[str]) -> None:
    positions = Positions()
    session = session_of(positions)
    rooms: set[str] = set()
    then: list[set[str]] = []
    for step in steps:
        if step == "event":
            positions.last += 1
            then.append(set(rooms))
        elif step in rooms:
            rooms.remove(step)
            session.moved(step, False)
        else:
            rooms.add(step)
            session.moved(step, True)
    session.rooms = tuple(rooms)
    whereabouts = Whereabouts(session)
    for position, there in enumerate(then, 1):
        for room in ("a", "b", "sid", "elsewhere"):
            expected = room in there or room == "sid"
            assert whereabouts.concerns(position, (room,), ()) is expected
            assert whereabouts.concerns(position, (), (room,)) is not expected
            assert not whereabouts.concerns(position, (room,), (room,))
    assert {"sid", *rooms} <= set(whereabouts.rooms())


def test_a_client_that_is_away_moves_only_out() -> None:
    positions = Positions()
    session = session_of(positions)
    session.moved("a", True)
    session.rooms = ("a",)
    session.left_at = 1.0
    positions.last = 5
    session.moved("b", True)  # the disconnect handler's doing
    session.moved("a", False)
    session.leave("b")
    assert session.moves == [(0, "a", True)]
    session.leave("a")
    assert not session.rooms
    whereabouts = Whereabouts(session)
    assert whereabouts.concerns(5, ("a",), ())
    assert not whereabouts.concerns(6, ("a",), ())


def test_changes_that_are_older_than_the_events_are_forgotten() -> None:
    positions = Positions()
    session = session_of(positions)
    for number in range(MAX_MOVES):
        positions.last = number
        session.moved("a", number % 2 == 0)
    positions.first = MAX_MOVES - 10
    session.moved("b", True)
    assert session.moves[0] == (MAX_MOVES - 10, "a", True)
    assert len(session.moves) == 11
    assert session.floor == 0


def test_so_many_changes_that_some_have_to_be_forgotten_are_remembered_as_a_limit() -> None:
    positions = Positions()
    session = session_of(positions)
    for number in range(MAX_MOVES + 1):
        positions.last = number + 1
        session.moved("a", number % 2 == 0)
    assert len(session.moves) == MAX_MOVES // 2 + 1
    assert session.floor == MAX_MOVES // 2
    assert session.moves[0][0] == session.floor + 1
