from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtserver.service.namespaces.claims import find_claim, room_part, room_parts


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("sub", "ada"),
        ("realm.roles", ["a", "b"]),
        ("https://chat.example/team", "red"),
        ("a.b", "by its whole name"),
        ("absent", None),
        ("realm.absent", None),
        ("sub.absent", None),
    ],
)
def test_claims_are_found_by_name_and_within_others(name: str, found: Any) -> None:
    claims = {
        "sub": "ada",
        "realm": {"roles": ["a", "b"]},
        "https://chat.example/team": "red",
        "a.b": "by its whole name",
        "a": {"b": "by steps"},
    }
    assert find_claim(claims, name) == found


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("red", ("red",)),
        (7, ("7",)),
        (0, ("0",)),
        (["red", 7, "red"], ("red", "7")),
        ("auth0|12", ("auth0|12",)),
        ("a:b", ("a%3Ab",)),
        ("*", ("%2A",)),
        ("a%3Ab", ("a%253Ab",)),
    ],
)
def test_what_a_claim_stands_for(value: Any, parts: tuple[str, ...]) -> None:
    assert room_parts({"team": value}, "team") == parts


@pytest.mark.parametrize(
    "value", [None, "", [], True, False, 1.5, {"a": 1}, [["red"]], [""], [None], "\ud800", ["red\udfff"]]
)
def test_what_stands_for_nothing(value: Any) -> None:
    assert room_parts({"team": value}, "team") == ()


@given(st.text(), st.text())
def test_no_two_values_are_written_alike_and_none_has_a_colon_or_a_star(one: str, other: str) -> None:
    assert (room_part(one) == room_part(other)) == (one == other)
    assert not {":", "*"} & set(room_part(one))
