from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from rtserver.errors import PlainViolation
from rtserver.plain.tagging import tag, untag

PAIRS = [
    (b"\x01\x02", {"$bytes": "AQI="}),
    (b"", {"$bytes": ""}),
    ({"$bytes": 1}, {"$$bytes": 1}),
    ({"$$bytes": "AQI="}, {"$$$bytes": "AQI="}),
    ({"$bytes": {"$bytes": b"\xff"}}, {"$$bytes": {"$$bytes": {"$bytes": "/w=="}}}),
    ({"$bytes": 1, "more": 2}, {"$bytes": 1, "more": 2}),
    ({"bytes": 1}, {"bytes": 1}),
    ({"x$bytes": 1}, {"x$bytes": 1}),
    ({"$": {"a": [b"\0", [b"\1"]]}}, {"$": {"a": [{"$bytes": "AA=="}, [{"$bytes": "AQ=="}]]}}),
    ({}, {}),
]


@pytest.mark.parametrize(("value", "tagged"), PAIRS)
def test_there_and_back(value: Any, tagged: Any) -> None:
    message = {"data": [deepcopy(value), {"in": deepcopy(value)}]}
    tag(message)
    assert message == {"data": [tagged, {"in": tagged}]}
    untag(message)
    assert message == {"data": [value, {"in": value}]}


def test_every_kind_of_bytes() -> None:
    message: dict[str, Any] = {"data": [bytearray(b"\1"), memoryview(b"\1")]}
    tag(message)
    assert message == {"data": [{"$bytes": "AQ=="}, {"$bytes": "AQ=="}]}


def test_keys_that_are_no_strings() -> None:
    message: dict[str, Any] = {"data": [{1: b"\1"}]}
    tag(message)
    assert message == {"data": [{1: {"$bytes": "AQ=="}}]}


@pytest.mark.parametrize("text", [5, None, "AQI", "A", "AQI=\n", "AQ_-", "é", ["AQI="]])
def test_what_is_no_base64(text: Any) -> None:
    with pytest.raises(PlainViolation) as raised:
        untag({"data": [{"$bytes": text}]})
    assert raised.value.code == 1007
    assert raised.value.reason == (
        '"$bytes" holds base64: for an object of your own with this key write "$$bytes"'
    )


def test_depth_needs_no_recursion() -> None:
    value: Any = b"\1"
    for _ in range(100_000):
        value = {"$bytes": value}
    message = {"data": value}
    tag(message)
    untag(message)
    for _ in range(100_000):
        value = value["$bytes"]
    assert value == b"\1"
