from __future__ import annotations

from typing import Any

import pytest

from rtserver.errors import ApiError
from rtserver.service.api.form import validated
from rtserver.service.api.requests import Batch, Disconnect, Emit, Join, ListSockets, Some

EVENT: dict[str, Any] = {"to": "all", "event": "news"}


def test_an_event() -> None:
    request = validated(
        Emit, {**EVENT, "args": [1, {"a": b"\1"}], "except": {"rooms": ["x"]}, "ack_timeout": 5}
    )
    assert (request.namespace, request.to, request.event) == ("/", "all", "news")
    assert (request.args, request.except_) == ([1, {"a": b"\1"}], Some(rooms=["x"]))


def test_some() -> None:
    request = validated(Join, {"clients": {"users": ["ada"], "sockets": []}, "rooms": ["lobby"]})
    assert request.clients == Some(users=["ada"], sockets=[])
    assert validated(ListSockets, {}).clients == "all"


@pytest.mark.parametrize(
    ("model", "value", "message"),
    [
        (Emit, {"event": "news"}, "to is missing"),
        (Emit, {**EVENT, "to": "lobby"}, 'to: expected "all", or an object with rooms, users or sockets'),
        (Emit, {**EVENT, "to": {}}, 'to: expected rooms, users or sockets; everyone is "all"'),
        (Emit, {**EVENT, "to": {"rooms": [1]}}, "to.rooms[0]: received 1, expected a valid string"),
        (Emit, {**EVENT, "to": {"room": "x"}}, "to.room isn't known"),
        (Emit, {**EVENT, "event": "connect"}, "event: an event can't be named 'connect': clients would"),
        (Emit, {**EVENT, "args": "x" * 100}, f'args: received "{"x" * 79}…, expected a valid list'),
        (Emit, {**EVENT, "namespace": "chat"}, 'namespace: received "chat", expected String should match'),
        (Emit, {**EVENT, "volatile": 1}, "volatile: received 1, expected a valid boolean"),
        (Emit, {**EVENT, "ack_timeout": 61}, "ack_timeout: received 61, expected less than or equal to 60"),
        (Emit, {**EVENT, "ack_timeout": 0}, "ack_timeout: received 0, expected greater than 0"),
        (Join, {"clients": "all", "rooms": []}, "rooms: received [], expected List should have at least 1"),
        (Disconnect, {}, "clients is missing"),
        (Batch, {"commands": []}, "commands: received [], expected List should have at least 1 item"),
        (Batch, {"commands": [{"command": "emit", **EVENT, "to": 1}]}, 'commands[0].to: expected "all"'),
        (
            Batch,
            {"commands": [{"command": "emit", **EVENT, "ack_timeout": 21}] * 3},
            "the request: received ack_timeout of 63 seconds in all, expected 60 at most",
        ),
    ],
)
def test_what_is_wrong_is_said(model: Any, value: dict[str, Any], message: str) -> None:
    with pytest.raises(ApiError) as caught:
        validated(model, value)
    assert (caught.value.status, caught.value.code) == (422, "invalid_request")
    assert str(caught.value).startswith(message)


def test_no_more_is_said_than_can_be_read() -> None:
    with pytest.raises(ApiError) as caught:
        validated(Emit, {**EVENT, "to": {"rooms": [1] * 1000}})
    assert str(caught.value).count("received") == 5
