from __future__ import annotations

from typing import Any

import pytest

from rtserver.errors import SocketViolation
from rtserver.socketio.packet import (
    DEFAULT_LIMITS,
    RESERVED_EVENTS,
    Limits,
    PacketType,
    check_data,
    check_packet,
    is_nested_deeper,
)

CONNECT, DISCONNECT, EVENT, ACK = PacketType.CONNECT, PacketType.DISCONNECT, PacketType.EVENT, PacketType.ACK


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (CONNECT, {}),
        (CONNECT, "token"),
        (CONNECT, ["token"]),
        (EVENT, ["a"]),
        (EVENT, ["", None]),
        (ACK, []),
        (ACK, [1, {}]),
        (PacketType.CONNECT_ERROR, {"message": "no"}),
        (PacketType.CONNECT_ERROR, "no"),
    ],
)
def test_valid(kind: PacketType, data: Any) -> None:
    check_data(kind, data, DEFAULT_LIMITS)


@pytest.mark.parametrize(
    ("kind", "data", "message"),
    [
        (CONNECT, 1, "the data of CONNECT must be an object: received int"),
        (CONNECT, None, "received NoneType"),
        (DISCONNECT, None, "a packet of type DISCONNECT has no data"),
        (EVENT, {}, "must be an array that begins with its name"),
        (EVENT, [], "must be an array that begins with its name"),
        (EVENT, None, "must be an array that begins with its name"),
        (EVENT, [None], "the name of an event must be a string: received NoneType"),
        (EVENT, [True], "the name of an event must be a string: received bool"),
        (EVENT, [["a"]], "the name of an event must be a string: received list"),
        (ACK, {}, "the data of ACK must be an array: received dict"),
        (PacketType.CONNECT_ERROR, [], "the data of CONNECT_ERROR must be an object: received list"),
    ],
)
def test_invalid(kind: PacketType, data: Any, message: str) -> None:
    with pytest.raises(SocketViolation, match=message):
        check_data(kind, data, DEFAULT_LIMITS)


@pytest.mark.parametrize("name", sorted(RESERVED_EVENTS))
def test_reserved_names(name: str) -> None:
    with pytest.raises(SocketViolation, match=f"the event name '{name}' is reserved"):
        check_data(EVENT, [name], DEFAULT_LIMITS)


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (1, "1"),
        (-7, "-7"),
        (1.0, "1"),
        (0.5, "0.5"),
        (0.1, "0.1"),
        (1e300, "1e+300"),
        (10**20, "1" + "0" * 20),
    ],
)
def test_a_number_as_a_name_becomes_a_string(number: float, name: str) -> None:
    data = [number, "x"]
    check_data(EVENT, data, DEFAULT_LIMITS)
    assert data == [name, "x"]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_a_number_is_no_name(number: float) -> None:
    with pytest.raises(SocketViolation, match="the name of an event must be"):
        check_data(EVENT, [number], DEFAULT_LIMITS)


def test_length_of_a_name() -> None:
    check_data(EVENT, ["x" * 256], DEFAULT_LIMITS)
    with pytest.raises(SocketViolation, match="an event name of more than 256 characters"):
        check_data(EVENT, ["x" * 257], DEFAULT_LIMITS)


def test_safe_length() -> None:
    assert DEFAULT_LIMITS.safe_length == 256
    assert Limits(max_depth=3).safe_length == 6
    assert Limits(max_event_name=10).safe_length == 10


@pytest.mark.parametrize(
    ("parts", "packet"),
    [
        ((0, "/", None, None), (CONNECT, "/", None, None, 0)),
        ((0, "/a?b=1", None, {"c": 1}), (CONNECT, "/a", None, {"c": 1}, 0)),
        ((1, "?b", None, None), (DISCONNECT, "/", None, None, 0)),
        ((2, "/", 0, ["e"]), (EVENT, "/", 0, ["e"], 0)),
        ((3, "/a", 10**15, []), (ACK, "/a", 10**15, [], 0)),
    ],
)
def test_a_packet_of_its_parts(parts: tuple[Any, ...], packet: tuple[Any, ...]) -> None:
    assert check_packet(*parts) == packet


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((5, "/", None, ["e"]), "unknown packet type 5"),
        ((True, "/", None, ["e"]), "unknown packet type True"),
        ((2.0, "/", None, ["e"]), "unknown packet type 2.0"),
        ((2, None, None, ["e"]), "a namespace must be a string: received NoneType"),
        ((2, "/" + "a" * 256, None, ["e"]), "a namespace of more than 256 characters"),
        ((2, "/", -1, ["e"]), "an ack id must be an integer"),
        ((2, "/", "1", ["e"]), "an ack id must be an integer"),
        ((2, "/", 10**16, ["e"]), "an ack id must be an integer of at most 16 digits"),
        ((3, "/", None, []), "an acknowledgment without an id"),
        ((2, "/", None, None), "must be an array that begins with its name"),
        ((1, "/", None, {}), "has no data"),
    ],
)
def test_parts_that_make_no_packet(parts: tuple[Any, ...], message: str) -> None:
    with pytest.raises(SocketViolation, match=message):
        check_packet(*parts)


@pytest.mark.parametrize(
    ("value", "depth"), [(1, 0), ([], 1), ({"a": 1}, 1), ([1, {"a": [[]]}], 4), ({"a": {}, "b": [{}]}, 3)]
)
def test_depth(value: Any, depth: int) -> None:
    assert not is_nested_deeper(value, depth)
    assert depth == 0 or is_nested_deeper(value, depth - 1)
