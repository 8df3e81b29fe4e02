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
        (Emit, {**EVENT, "to": {"rooms": [1]}}, "to.rooms[0]: received 1, expected text"),
        (Emit, {**EVENT, "to": {"room": "x"}}, "to.room isn't known"),
        (Emit, {**EVENT, "event": "connect"}, "event: an event can't be named 'connect': clients would"),
        (Emit, {**EVENT, "args": "x" * 100}, f'args: received "{"x" * 79}…, expected a list'),
        (Emit, {**EVENT, "namespace": "chat"}, 'namespace: received "chat", expected text of the form ^/'),
        (Emit, {**EVENT, "volatile": 1}, "volatile: received 1, expected true or false"),
        (Emit, {**EVENT, "ack_timeout": 61}, "ack_timeout: received 61, expected 60 at most"),
        (Emit, {**EVENT, "ack_timeout": 0}, "ack_timeout: received 0, expected more than 0"),
        (Join, {"clients": "all", "rooms": []}, "rooms: received [], expected a list that isn't empty"),
        (Disconnect, {}, "clients is missing"),
        (Batch, {"commands": []}, "commands: received [], expected a list that isn't empty"),
        (Batch, {"commands": [{"command": "emit", **EVENT, "to": 1}]}, 'commands[0].to: expected "all"'),
        (Batch, {"commands": [5]}, "commands[0]: received 5, expected an object"),
        (Batch, {"commands": [{"to": "all"}]}, "commands[0].command is missing"),
        (
            Batch,
            {"commands": [{"command": "sockets"}]},
            "commands[0].command: received \"sockets\", expected one of 'emit', 'join', 'leave'",
        ),
        (Batch, {"commands": [{"command": "x"}] * 101}, "commands: received ["),
        (Emit, {**EVENT, "except": "all"}, 'except: received "all", expected an object'),
        (Emit, {**EVENT, "event": ""}, 'event: received "", expected text that isn\'t empty'),
        (
            Emit,
            {**EVENT, "event": "x" * 1001},
            f'event: received "{"x" * 79}…, expected 1000 characters',
        ),
        (Emit, {**EVENT, "event": "\ud800"}, 'event: received "\\ud800", expected Unicode text'),
        (ListSockets, {"limit": 1.5}, "limit: received 1.5, expected a whole number"),
        (ListSockets, {"limit": 0}, "limit: received 0, expected 1 at least"),
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
