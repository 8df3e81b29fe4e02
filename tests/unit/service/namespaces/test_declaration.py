from __future__ import annotations

from typing import Any

import pytest

from rtserver.service.namespaces.declaration import Declaration, Event
from rtserver.service.namespaces.pattern import MAX_NAME, RoomPattern, parse_pattern


def patterns(*texts: str) -> tuple[RoomPattern, ...]:
    return tuple(map(parse_pattern, texts))


CHAT = Declaration(
    "/chat",
    join=patterns("user:{sub}", "team:{teams}", "lobby"),
    may_join=patterns("chat:*", "private:{teams}:*"),
    may_leave=patterns("chat:*"),
)
ADA = {"sub": "ada", "teams": ["red", "blue"]}


def test_the_rooms_of_a_client() -> None:
    assert list(CHAT.rooms_of(ADA)) == ["user:ada", "team:red", "team:blue", "lobby"]
    assert list(CHAT.rooms_of({})) == ["lobby"]


def test_what_a_client_may_join_and_leave() -> None:
    assert CHAT.lets_join("chat:x", {})
    assert CHAT.lets_join("private:red:x", ADA)
    assert not CHAT.lets_join("private:green:x", ADA)
    assert not CHAT.lets_join("team:green", ADA)
    assert not CHAT.lets_join("user:eve", ADA)
    assert CHAT.lets_leave("chat:x", ADA)
    assert not CHAT.lets_leave("lobby", ADA)


def test_a_name_that_is_too_long() -> None:
    assert CHAT.lets_join("chat:".ljust(MAX_NAME, "x"), {})
    assert not CHAT.lets_join("chat:".ljust(MAX_NAME + 1, "x"), {})


@pytest.mark.parametrize("part", ["", "*", "x\n", "\x7f", "\ud83d", "a:b"])
def test_a_part_of_a_name_that_no_client_chooses(part: str) -> None:
    assert not CHAT.lets_join(f"chat:{part}", {})


@pytest.mark.parametrize(
    ("room", "withdrawn"),
    [
        ("team:red", False),
        ("team:green", True),
        ("private:green:x", True),
        ("private:blue:x", False),
        ("user:eve", True),
        ("team:red\x7f", True),
        ("team:\ud800", True),
        ("team:*", False),
        ("chat:x", False),
        ("lobby", False),
        ("put there by someone else", False),
    ],
)
def test_rooms_that_a_client_has_by_claims_no_longer(room: str, withdrawn: bool) -> None:
    assert CHAT.withdraws(room, ADA) is withdrawn


def contradictions(others_join: bool = False, **parts: tuple[str, ...]) -> list[str]:
    known: dict[str, Any] = {name: patterns(*texts) for name, texts in parts.items()}
    return list(Declaration("/", **known).contradictions(others_join))


@pytest.mark.parametrize(
    ("join", "may_join"),
    [
        ("user:{sub}", "user:*"),
        ("user:{sub}", "user:{name}"),
        ("user:{sub}", "user:admin"),
        ("team:{team}:{sub}", "team:{team}:*"),
    ],
)
def test_rooms_of_one_client_that_are_open_to_others(join: str, may_join: str) -> None:
    (found,) = contradictions(join=(join,), may_join=(may_join,))
    assert found.startswith(f'"{join}" and "{may_join}" can be the same room by different claims')
    assert contradictions(join=(join, may_join)) == [found]


def test_rooms_that_are_open_to_all_contradict_nothing() -> None:
    assert contradictions(join=("chat:lobby", "user:{sub}"), may_join=("chat:*", "user:{sub}:*")) == []


def test_leaving_where_nobody_is() -> None:
    (found,) = contradictions(may_join=("chat:*",), may_leave=("caht:*",))
    assert found == 'may_leave has "caht:*", where nobody is: name such rooms in join or may_join'
    assert contradictions(others_join=True, may_leave=("caht:*",)) == []


CHATS, LOBBY = patterns("chat:*", "lobby")


@pytest.mark.parametrize(
    ("event", "contradiction"),
    [
        (Event("x"), 'the event "x" goes nowhere: set relay, to name the rooms, or backend = true'),
        (
            Event("x", (CHATS,), backend=True),
            'the event "x" has relay and backend = true, expected one of them',
        ),
        (
            Event("*", (LOBBY,)),
            "the event \"*\" can't be relayed: only the backend takes events that aren't named",
        ),
        (Event("connect", (LOBBY,)), 'the event "connect" can\'t be declared: clients take it for what'),
        (
            Event("presence_join", (LOBBY,)),
            'the event "presence_join" can\'t be declared: clients take it for',
        ),
        (Event("join", backend=True), 'the event "join" can\'t be declared: the namespace answers it itself'),
        (Event("x", (CHATS, LOBBY)), 'the event "x" is relayed to rooms that clients choose, and to others'),
        (Event("x", patterns("caht:*")), 'the event "x" is relayed to "caht:*", where nobody is'),
    ],
)
def test_events_that_make_no_sense(event: Event, contradiction: str) -> None:
    declaration = Declaration(
        "/", join=(LOBBY,), may_join=(CHATS,), may_leave=(CHATS,), events={event.name: event}
    )
    (found,) = declaration.contradictions(False)
    assert found.startswith(contradiction)


def test_events_that_make_sense() -> None:
    events = (
        Event("say", (CHATS,)),
        Event("call", (LOBBY,)),
        Event("ask", backend=True),
        Event("*", backend=True),
    )
    declaration = Declaration(
        "/", join=(LOBBY,), may_join=(CHATS,), events={each.name: each for each in events}
    )
    assert list(declaration.contradictions(False)) == []
    assert [event.names_room for event in events] == [True, False, False, False]


def test_rooms_that_others_put_clients_into() -> None:
    declaration = Declaration("/", events={"say": Event("say", (CHATS,))})
    assert list(declaration.contradictions(True)) == []


def test_the_claims_that_are_needed() -> None:
    event = Event("say", patterns("office:{office}"))
    declaration = Declaration(
        "/",
        join=patterns("user:{sub}"),
        may_join=patterns("team:{team}:*"),
        public=("name",),
        events={"say": event},
    )
    assert list(declaration.claims) == ["sub", "team", "office", "name"]
