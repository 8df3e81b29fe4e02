from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from rtserver.errors import ApiError
from rtserver.service.api.answers import ErrorAnswer, HistoryAnswer, RoomEvent
from rtserver.service.api.form import MAX_DEPTH, json_value, read_object, written


def test_bytes_come_and_go() -> None:
    assert read_object(b'{"a": [{"$bytes": "AQI="}, {"$$bytes": 1}]}') == {"a": [b"\1\2", {"$bytes": 1}]}
    event = RoomEvent(id="1", event="e", args=[b"\1\2", {"$bytes": 1}], time=0)
    answer = json.loads(written(HistoryAnswer(events=[event], complete=True)))
    assert answer["events"][0]["args"] == [{"$bytes": "AQI="}, {"$$bytes": 1}]
    assert event.args == [b"\1\2", {"$bytes": 1}]  # it may be the history's own


def test_half_of_a_surrogate_pair() -> None:
    assert read_object(b'{"a": "\\ud800"}') == {"a": "\ud800"}
    assert b"\\ud800" in written(ErrorAnswer(code="x", message="\ud800"))


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 400, "expected a JSON object, received no JSON"),
        (b"{", 400, "expected a JSON object, received no JSON"),
        (b"\xff", 400, "expected a JSON object, received no JSON"),
        (b'"text"', 400, 'received "text", expected a JSON object'),
        (b'{"a": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}", 400, "received JSON nested deeper"),
        (b'{"a": {"$bytes": 1}}', 422, '"$bytes" holds base64'),
    ],
)
def test_what_isn_t_a_request(body: bytes, status: int, message: str) -> None:
    with pytest.raises(ApiError) as caught:
        read_object(body)
    assert caught.value.status == status
    assert str(caught.value).startswith(message)


class Opaque:
    pass


@pytest.mark.parametrize(
    ("value", "copy"),
    [
        ({"a": (1, 2.5, None, True)}, {"a": [1, 2.5, None, True]}),
        ({1: bytearray(b"x"), "y": memoryview(b"z")}, {"1": b"x", "y": b"z"}),
        ([Opaque(), datetime.now(UTC), {1, 2}], [None, None, None]),
        (10**30, 10**30),
    ],
)
def test_an_application_s_values(value: Any, copy: Any) -> None:
    assert json_value(value) == copy


def test_a_value_in_itself() -> None:
    value: list[Any] = []
    value.append(value)
    copy, depth = json_value(value), 0
    while copy:
        copy, depth = copy[0], depth + 1
    assert depth == MAX_DEPTH
