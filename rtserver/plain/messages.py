"""What plain WebSocket clients and the server say to each other: objects whose ``type`` says what they are.

    client                                                      server
    {"type": "connect", "namespace", "auth"}              ─▶
                                                          ◀─    {"type": "connected", "namespace", "sid"}
                                                          ◀─    {"type": "error", "namespace", "message"}
    {"type": "event", "namespace", "event", "data", "id"} ◀─▶   the same
    {"type": "ack", "namespace", "id", "data"}            ◀─▶   the same
    {"type": "disconnect", "namespace"}                   ◀─▶   the same
    {"type": "ping"}                                      ─▶
                                                          ◀─    {"type": "pong"}

With connection state recovery ``connected`` has a ``pid`` and each event of the server an ``offset``; a
client that is back tells the last of them, as ``pid`` and ``offset`` of ``connect``.

The namespace is left out where it is ``"/"``. A key that is null counts as left out, as many languages
write it so. Any other key is refused: a misspelt one would otherwise change what a message means.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from rtserver.errors import PlainViolation
from rtserver.socketio.packet import RESERVED_EVENTS, Limits, Packet, PacketType

__all__ = ["INVALID_DATA", "POLICY", "PONG", "PROTOCOL", "UNSUPPORTED", "message_of", "packet_of"]

# RFC 6455, 7.4.1
PROTOCOL: Final = 1002
"""The close code for what isn't a message of this protocol."""
UNSUPPORTED: Final = 1003
"""The close code for a text message where they are binary, and the reverse."""
INVALID_DATA: Final = 1007
"""The close code for what can't be parsed."""
POLICY: Final = 1008
"""The close code for what is beyond a limit."""

PONG: Final = {"type": "pong"}

_KEYS: Final[dict[str, frozenset[str]]] = {
    "connect": frozenset({"type", "namespace", "auth", "pid", "offset"}),
    "event": frozenset({"type", "namespace", "event", "data", "id"}),
    "ack": frozenset({"type", "namespace", "id", "data"}),
    "disconnect": frozenset({"type", "namespace"}),
    "ping": frozenset({"type"}),
}
"""What each message of a client may have in it."""

_JSON_NAMES: Final[dict[type, str]] = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bytes: "bytes",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    type(None): "null",
}
_SHOWN: Final = 30
_NO_NAME: Final = re.compile(r"[,?\ud800-\udfff]")
"""What no namespace may have in it: Socket.IO v5's text packets end it at the comma, "?" begins a query, and
half of a surrogate pair can't be sent."""


def packet_of(message: Any, limits: Limits) -> Packet | None:
    """Return the packet that a client's message stands for; None for a ping.

    Args:
        message: As parsed. How deeply it is nested has been checked.
        limits: What it may be at most.

    Raises:
        PlainViolation: It is no message of a client.
    """
    if type(message) is not dict:
        raise _wrong(f"a message is an object: received {_name_of(message)}")
    kind = message.get("type")
    keys = _KEYS.get(kind) if type(kind) is str else None
    if type(kind) is not str or keys is None:
        raise _wrong(f'"type" is {_shown(kind)}: expected {", ".join(_KEYS)}')
    if not keys.issuperset(message):
        raise _unknown_key(kind, message, keys)
    if kind == "event":
        name = _event(message.get("event"), limits)
        data = [name, *_array(message.get("data"), kind)]
        return PacketType.EVENT, _namespace(message, limits), _id(message, limits), data, 0
    if kind == "ack":
        id_ = _id(message, limits)
        if id_ is None:
            raise _wrong('an ack needs "id", the one of the event that it answers')
        return PacketType.ACK, _namespace(message, limits), id_, _array(message.get("data"), kind), 0
    if kind == "connect":
        return PacketType.CONNECT, _namespace(message, limits), None, _auth(message), 0
    if kind == "disconnect":
        return PacketType.DISCONNECT, _namespace(message, limits), None, None, 0
    return None


def message_of(packet: Packet, offset: str | None = None) -> dict[str, Any]:
    """Return the message that tells a client what a packet of the server says.

    Args:
        packet: The packet.
        offset: What the client is to tell when it has lost its connection after this event; None for nothing.
    """
    kind, namespace, id_, data, _ = packet
    message: dict[str, Any] = {"type": _TYPES[kind]}
    if namespace != "/":
        message["namespace"] = namespace
    if kind is PacketType.EVENT:
        message["event"] = data[0]
        if id_ is not None:
            message["id"] = id_
        if offset is not None:
            message["offset"] = offset
        message["data"] = data[1:]
    elif kind is PacketType.ACK:
        message["id"] = id_
        message["data"] = data
    elif kind is PacketType.CONNECT:
        message |= {key: value for key, value in data.items() if key not in message}
    elif kind is PacketType.CONNECT_ERROR:
        told = data if type(data) is dict else {"message": data}
        message |= {key: value for key, value in told.items() if key not in message}
    return message


_TYPES: Final[dict[PacketType, str]] = {
    PacketType.CONNECT: "connected",
    PacketType.DISCONNECT: "disconnect",
    PacketType.EVENT: "event",
    PacketType.ACK: "ack",
    PacketType.CONNECT_ERROR: "error",
}


def _auth(message: dict[str, Any]) -> dict[str, Any] | None:
    """Return what goes with CONNECT: the application's own, and what recovery wants to know."""
    auth = message.get("auth")
    if auth is not None and type(auth) is not dict:
        raise _wrong(f'"auth" is an object: received {_name_of(auth)}')
    for key in ("pid", "offset"):
        value = message.get(key)
        if value is not None:
            if type(value) is not str:
                raise _wrong(f'"{key}" is a string: received {_name_of(value)}')
            auth = {**(auth or {}), key: value}
    return auth


def _event(name: Any, limits: Limits) -> str:
    if type(name) is not str:
        raise _wrong(f'"event" is the name of the event, a string: received {_name_of(name)}')
    if len(name) > limits.max_event_name:
        raise PlainViolation(POLICY, f'"event" has more than {limits.max_event_name} characters')
    if name in RESERVED_EVENTS:
        raise _wrong(f'"event" is {_shown(name)}, which is reserved: choose another name')
    return name


def _namespace(message: dict[str, Any], limits: Limits) -> str:
    name = message.get("namespace")
    if name is None:
        return "/"
    if type(name) is not str or not name.startswith("/") or _NO_NAME.search(name):
        raise _wrong(f'"namespace" is {_shown(name)}: expected "/" and a name without "," and "?"')
    if len(name) > limits.max_namespace:
        raise PlainViolation(POLICY, f'"namespace" has more than {limits.max_namespace} characters')
    return name


def _id(message: dict[str, Any], limits: Limits) -> int | None:
    id_ = message.get("id")
    if id_ is None:
        return None
    if type(id_) is not int:
        raise _wrong(f'"id" is an integer: received {_name_of(id_)}')
    if not 0 <= id_ < 10**limits.max_id_digits:
        raise PlainViolation(POLICY, f'"id" is an integer from 0, of at most {limits.max_id_digits} digits')
    return id_


def _array(data: Any, kind: str) -> Sequence[Any]:
    if data is None:
        return []
    if type(data) is not list:
        raise _wrong(f'"data" of {kind} is an array of arguments: received {_name_of(data)}')
    return data


def _unknown_key(kind: str, message: dict[Any, Any], keys: frozenset[str]) -> PlainViolation:
    unknown = next(key for key in message if key not in keys)
    return _wrong(f"a message of type {kind} has no {_shown(unknown)}: expected {', '.join(sorted(keys))}")


def _wrong(reason: str) -> PlainViolation:
    return PlainViolation(PROTOCOL, reason)


def _name_of(value: Any) -> str:
    return _JSON_NAMES.get(type(value), type(value).__name__)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value[:_SHOWN]}"' if len(value) <= _SHOWN else f'"{value[:_SHOWN]}…"'
    return _name_of(value)
