from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtserver.ids import new_sid
from rtserver.service.namespaces.pattern import MAX_NAME, parse_pattern

WORDS = st.sampled_from(["a", "b", "%", "*", ":", "a:b", "", "{x}", "user", "é", "\ud800"])
TEXTS = st.lists(WORDS, max_size=4).map("".join) | st.text(max_size=10)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected a name whose parts between colons aren't empty"),
        ("chat:", "expected a name whose parts between colons aren't empty"),
        ("chat::x", "expected a name whose parts between colons aren't empty"),
        ("chat:a*", r'expected \* to be all of a part between colons, as in "chat:\*"'),
        ("**:x", r"expected \* to be all of a part"),
        ("team-{team}", r'expected a claim in braces to be all of a part between colons, as in "user:{sub}"'),
        ("user:{sub", "expected a claim in braces to be all of a part"),
        ("user:sub}", "expected a claim in braces to be all of a part"),
        ("user:{}", "expected a claim in braces to be all of a part"),
        ("user:{{sub}}", "expected a claim in braces to be all of a part"),
        ("user:{a}{b}", "expected a claim in braces to be all of a part"),
        ("*", r'expected a fixed part before it, such as "room:\*"'),
        ("{sub}", 'expected a fixed part before it, such as "room:{sub}"'),
        ("a\nb", "expected a name without control characters"),
        ("x" * (MAX_NAME + 1), "received a room of 256 characters, expected at most 255"),
    ],
)
def test_what_cannot_be_understood(text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        parse_pattern(text)


def test_a_room_that_nobody_chooses() -> None:
    with pytest.raises(ValueError, match=r'received "chat:\*", expected a room without \*'):
        parse_pattern("chat:*", is_open=False)
    assert parse_pattern("user:{sub}", is_open=False).claims == ("sub",)


def test_a_claim_that_is_named_by_a_url() -> None:
    pattern = parse_pattern("team:{https://chat.example/team}:all")
    assert list(pattern.rooms({"https://chat.example/team": "red"})) == ["team:red:all"]


@pytest.mark.parametrize(
    ("claims", "rooms"),
    [
        ({"org": "x", "team": "red"}, ["x:red"]),
        ({"org": "x", "team": ["red", "blue"]}, ["x:red", "x:blue"]),
        ({"org": ["x", "y"], "team": ["red", "blue"]}, ["x:red", "x:blue", "y:red", "y:blue"]),
        ({"org": "x"}, []),
        ({"org": "x", "team": []}, []),
        ({"org": "x:red", "team": "blue"}, ["x%3Ared:blue"]),
    ],
)
def test_the_rooms_of_a_client(claims: dict[str, Any], rooms: list[str]) -> None:
    assert list(parse_pattern("{org}:{team}").rooms(claims)) == rooms


@pytest.mark.parametrize(
    ("text", "room", "suits"),
    [
        ("lobby", "lobby", True),
        ("lobby", "Lobby", False),
        ("chat:*", "chat:x", True),
        ("chat:*", "chat:", False),
        ("chat:*", "chat", False),
        ("chat:*", "chat:x:y", False),
        ("chat:*", "chat:*", False),
        ("chat:*", "chat:x\n", False),
        ("chat:*", "chat:a%3Ab", True),
        ("team:{team}:*", "team:red:x", True),
        ("team:{team}:*", "team:blue:x", False),
        ("team:{team}:*", "team:*:x", False),
        ("team:{team}:*", "team:{team}:x", False),
        ("team:{absent}:*", "team::x", False),
        ("team:{absent}:*", "team:None:x", False),
        ("any:{star}", "any:red", False),
        ("any:{star}", "any:*", False),
        ("any:{star}", "any:%2A", True),
        ("any:{colon}", "any:red:blue", False),
        ("any:{colon}", "any:red%3Ablue", True),
    ],
)
def test_whether_a_name_suits(text: str, room: str, suits: bool) -> None:
    claims = {"team": "red", "star": "*", "colon": "red:blue"}
    assert parse_pattern(text).suits(room, claims) is suits


@pytest.mark.parametrize(
    ("one", "other", "meets", "opens"),
    [
        ("lobby", "lobby", True, False),
        ("lobby", "hall", False, False),
        ("chat:*", "chat:lobby", True, False),
        ("chat:*", "chat:*:x", False, False),
        ("user:{sub}", "user:{sub}", True, False),
        ("user:{sub}", "user:{name}", True, True),
        ("user:{sub}", "user:*", True, True),
        ("user:{sub}", "user:admin", True, True),
        ("user:{sub}", "{kind}:news", True, True),
        ("user:{sub}", "team:{sub}", False, False),
        ("user:{sub}:*", "user:{sub}:inbox", True, False),
    ],
)
def test_patterns_that_may_be_the_same_room(one: str, other: str, meets: bool, opens: bool) -> None:
    for left, right in ((one, other), (other, one)):
        assert parse_pattern(left).meets(parse_pattern(right)) is meets
        assert parse_pattern(left).opens(parse_pattern(right)) is opens


@given(TEXTS, TEXTS)
def test_no_claim_leads_into_the_room_of_another(one: str, other: str) -> None:
    pattern = parse_pattern("team:{team}:{sub}")
    rooms = [list(pattern.rooms({"team": team, "sub": sub})) for team, sub in ((one, other), (other, one))]
    if one != other:
        assert not set(rooms[0]) & set(rooms[1])
    for room in rooms[0]:
        assert pattern.suits(room, {"team": one, "sub": other})


@given(TEXTS, TEXTS)
def test_whatever_a_client_chooses_is_one_part(claim: str, choice: str) -> None:
    pattern = parse_pattern("team:{team}:*")
    if pattern.suits(f"team:{choice}", {"team": claim}):
        first, _, rest = choice.partition(":")
        assert [f"x:{first}"] == list(parse_pattern("x:{team}").rooms({"team": claim}))
        assert rest
        assert ":" not in rest
        assert "*" not in rest


@given(TEXTS)
def test_any_text_is_read_or_refused_and_never_lets_a_client_into_another_s_own_room(text: str) -> None:
    try:
        pattern = parse_pattern(text)
    except ValueError:
        return
    sid = new_sid()
    assert not pattern.suits_someone(sid)
    assert not pattern.suits(sid, {"x": sid})
