from __future__ import annotations

from typing import Any

import pytest

from rtserver.errors import PlainViolation
from rtserver.plain.messages import message_of, packet_of
from rtserver.socketio.packet import Limits, Packet, PacketType

CONNECT, DISCONNECT, EVENT, ACK = PacketType.CONNECT, PacketType.DISCONNECT, PacketType.EVENT, PacketType.ACK
LIMITS = Limits(max_event_name=5, max_id_digits=3, max_namespace=6)


@pytest.mark.parametrize(
    ("message", "packet"),
    [
        ({"type": "connect"}, (CONNECT, "/", None, None, 0)),
        (
            {"type": "connect", "namespace": "/chat", "auth": {"token": 1}},
            (CONNECT, "/chat", None, {"token": 1}, 0),
        ),
        ({"type": "connect", "pid": "p"}, (CONNECT, "/", None, {"pid": "p"}, 0)),
        (
            {"type": "connect", "auth": {"token": 1}, "pid": "p", "offset": "o"},
            (CONNECT, "/", None, {"token": 1, "pid": "p", "offset": "o"}, 0),
        ),
        ({"type": "event", "event": "hi"}, (EVENT, "/", None, ["hi"], 0)),
        (
            {"type": "event", "namespace": "/chat", "event": "hi", "data": [1, "x"], "id": 7},
            (EVENT, "/chat", 7, ["hi", 1, "x"], 0),
        ),
        ({"type": "event", "event": "hi", "id": 0}, (EVENT, "/", 0, ["hi"], 0)),
        ({"type": "ack", "id": 999}, (ACK, "/", 999, [], 0)),
        ({"type": "ack", "namespace": "/chat", "id": 1, "data": [[]]}, (ACK, "/chat", 1, [[]], 0)),
        ({"type": "disconnect", "namespace": "/chat"}, (DISCONNECT, "/chat", None, None, 0)),
        ({"type": "ping"}, None),
    ],
)
def test_what_a_client_may_say(message: dict[str, Any], packet: Packet | None) -> None:
    assert packet_of(message, LIMITS) == packet


def test_null_is_the_same_as_left_out() -> None:
    assert packet_of({"type": "connect", "namespace": None, "auth": None}, LIMITS) == (
        CONNECT,
        "/",
        None,
        None,
        0,
    )
    message = {"type": "event", "namespace": None, "event": "hi", "data": None, "id": None}
    assert packet_of(message, LIMITS) == (EVENT, "/", None, ["hi"], 0)


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        ([], 1002, "a message is an object: received an array"),
        (None, 1002, "a message is an object: received null"),
        ({}, 1002, '"type" is null: expected connect, event, ack, disconnect, ping'),
        ({"type": "evnt"}, 1002, '"type" is "evnt": expected connect, event, ack, disconnect, ping'),
        ({"type": ["ping"]}, 1002, '"type" is an array: expected connect, event, ack, disconnect, ping'),
        (
            {"type": "connect", "namspace": "/"},
            1002,
            'a message of type connect has no "namspace": expected auth, namespace, offset, pid, type',
        ),
        ({"type": "ping", 7: 1}, 1002, "a message of type ping has no an integer: expected type"),
        ({"type": "ping", "x" * 99: 1}, 1002, f'a message of type ping has no "{"x" * 30}…": expected type'),
        ({"type": "connect", "auth": "secret"}, 1002, '"auth" is an object: received a string'),
        ({"type": "connect", "pid": 1}, 1002, '"pid" is a string: received an integer'),
        ({"type": "connect", "pid": "p", "offset": 1}, 1002, '"offset" is a string: received an integer'),
        ({"type": "event"}, 1002, '"event" is the name of the event, a string: received null'),
        (
            {"type": "event", "event": 1},
            1002,
            '"event" is the name of the event, a string: received an integer',
        ),
        ({"type": "event", "event": "toolong"}, 1008, '"event" has more than 5 characters'),
        (
            {"type": "event", "event": "hi", "data": "text"},
            1002,
            '"data" of event is an array of arguments: received a string',
        ),
        ({"type": "event", "event": "hi", "id": "7"}, 1002, '"id" is an integer: received a string'),
        ({"type": "event", "event": "hi", "id": True}, 1002, '"id" is an integer: received a boolean'),
        ({"type": "event", "event": "hi", "id": 7.0}, 1002, '"id" is an integer: received a number'),
        ({"type": "event", "event": "hi", "id": -1}, 1008, '"id" is an integer from 0, of at most 3 digits'),
        (
            {"type": "event", "event": "hi", "id": 1000},
            1008,
            '"id" is an integer from 0, of at most 3 digits',
        ),
        ({"type": "ack"}, 1002, 'an ack needs "id", the one of the event that it answers'),
        (
            {"type": "ack", "id": 1, "data": {}},
            1002,
            '"data" of ack is an array of arguments: received an object',
        ),
        (
            {"type": "connect", "namespace": "chat"},
            1002,
            '"namespace" is "chat": expected "/" and a name without "," and "?"',
        ),
        (
            {"type": "connect", "namespace": "/a,b"},
            1002,
            '"namespace" is "/a,b": expected "/" and a name without "," and "?"',
        ),
        (
            {"type": "connect", "namespace": 1},
            1002,
            '"namespace" is an integer: expected "/" and a name without "," and "?"',
        ),
        ({"type": "connect", "namespace": "/a?b"}, 1002, '"namespace" is "/a?b": expected "/" and a name wi'),
        (
            {"type": "connect", "namespace": "/a\ud83d"},
            1002,
            '"namespace" is "/a\ud83d": expected "/" and a nam',
        ),
        ({"type": "disconnect", "namespace": "/123456"}, 1008, '"namespace" has more than 6 characters'),
    ],
)
def test_what_it_may_not_say(message: Any, code: int, reason: str) -> None:
    with pytest.raises(PlainViolation) as raised:
        packet_of(message, LIMITS)
    assert raised.value.code == code
    assert raised.value.reason.startswith(reason)


def test_a_reserved_name() -> None:
    with pytest.raises(PlainViolation) as raised:
        packet_of({"type": "event", "event": "disconnect"}, Limits())
    assert raised.value.code == 1002
    assert raised.value.reason == '"event" is "disconnect", which is reserved: choose another name'


@pytest.mark.parametrize(
    ("packet", "message"),
    [
        ((CONNECT, "/", None, {"sid": "s"}, 0), {"type": "connected", "sid": "s"}),
        (
            (CONNECT, "/chat", None, {"sid": "s", "type": "x"}, 0),
            {"type": "connected", "namespace": "/chat", "sid": "s"},
        ),
        ((DISCONNECT, "/chat", None, None, 0), {"type": "disconnect", "namespace": "/chat"}),
        ((EVENT, "/", None, ["hi", 1], 0), {"type": "event", "event": "hi", "data": [1]}),
        ((EVENT, "/", 0, ["hi"], 0), {"type": "event", "event": "hi", "id": 0, "data": []}),
        ((ACK, "/chat", 7, [1], 0), {"type": "ack", "namespace": "/chat", "id": 7, "data": [1]}),
        (
            (PacketType.CONNECT_ERROR, "/", None, {"message": "no", "data": [1]}, 0),
            {"type": "error", "message": "no", "data": [1]},
        ),
        ((PacketType.CONNECT_ERROR, "/", None, "no", 0), {"type": "error", "message": "no"}),
    ],
)
def test_what_the_server_says(packet: Packet, message: dict[str, Any]) -> None:
    assert message_of(packet) == message
    assert next(iter(message_of(packet))) == "type"


def test_an_offset_beside_the_arguments() -> None:
    assert message_of((EVENT, "/", None, ["hi", 1], 0), "12") == {
        "type": "event",
        "event": "hi",
        "offset": "12",
        "data": [1],
    }
