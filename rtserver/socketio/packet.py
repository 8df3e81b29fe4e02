"""The packets of Socket.IO v5 as the codecs hand them on, and what a client's packet may be.

A decoded packet is a tuple rather than an object: one is made for every message that comes in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from math import isfinite
from typing import Any, Final

from rtserver.errors import SocketViolation

__all__ = [
    "DEFAULT_LIMITS",
    "RESERVED_EVENTS",
    "UNLIMITED",
    "Limits",
    "Packet",
    "PacketType",
    "check_data",
    "check_packet",
    "is_nested_deeper",
]


class PacketType(IntEnum):
    """Socket.IO v5, "Packet types"."""

    CONNECT = 0
    DISCONNECT = 1
    EVENT = 2
    ACK = 3
    CONNECT_ERROR = 4
    BINARY_EVENT = 5
    BINARY_ACK = 6


Packet = tuple[PacketType, str, int | None, Any, int]
"""Type, namespace, ack id, data, and the number of binary messages that belong to it and follow.

The types of binary packets occur on the wire only: such a packet is decoded as an ``EVENT`` or an
``ACK`` whose last element says how many attachments a `Reassembly` has to put into its data.
"""

RESERVED_EVENTS: Final = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)
"""Names that no client may give an event: they mean something else on one side or the other."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a packet from a client may be at most; beyond it the client is disconnected.

    Args:
        max_depth: Arrays and objects within each other, the array of arguments included.
        max_event_name: Characters of an event's name.
        max_attachments: Binary messages that belong to one packet. The official parser's default.
        max_id_digits: Digits of an ack id: 16 hold every integer that JavaScript has exactly.
        max_namespace: Characters of a namespace.
    """

    max_depth: int = 128
    max_event_name: int = 256
    max_attachments: int = 10
    max_id_digits: int = 16
    max_namespace: int = 256
    safe_length: int = field(init=False)
    """Characters up to which a packet can break neither `max_depth` nor `max_event_name`."""

    def __post_init__(self) -> None:  # noqa: D105
        object.__setattr__(self, "safe_length", min(2 * self.max_depth, self.max_event_name))


DEFAULT_LIMITS: Final = Limits()
UNLIMITED: Final = Limits(1 << 62, 1 << 62, 1 << 62, 20, 1 << 62)
"""What the server has made itself may be anything; an id has the digits that 64 bits need."""


def check_packet(number: Any, namespace: Any, id: Any, data: Any, limits: Limits = DEFAULT_LIMITS) -> Packet:
    """Make a packet of its parts as a client sent them: for codecs whose packets are one message.

    Args:
        number: The type.
        namespace: The namespace; a query behind it is cut off.
        id: The ack id, None without one.
        data: The data, None without any. Their depth isn't looked at: see `is_nested_deeper`.
        limits: What a packet may be at most.

    Raises:
        SocketViolation: This is no packet that a client may send.
    """
    if type(number) is not int or not PacketType.CONNECT <= number <= PacketType.CONNECT_ERROR:
        raise SocketViolation(f"unknown packet type {number!r}: expected 0 to 4")
    if type(namespace) is not str:
        raise SocketViolation(f"a namespace must be a string: received {_name_of(namespace)}")
    if len(namespace) > limits.max_namespace:
        raise SocketViolation(f"a namespace of more than {limits.max_namespace} characters")
    if id is not None and (type(id) is not int or not 0 <= id < 10**limits.max_id_digits):
        raise SocketViolation(f"an ack id must be an integer of at most {limits.max_id_digits} digits")
    kind = PacketType(number)
    if kind is PacketType.ACK and id is None:
        raise SocketViolation("an acknowledgment without an id")
    if data is not None or kind not in (PacketType.CONNECT, PacketType.DISCONNECT):
        check_data(kind, data, limits)
    return kind, namespace.partition("?")[0] or "/", id, data, 0


def is_nested_deeper(value: Any, max_depth: int) -> bool:
    """Tell whether lists and dictionaries stand more than `max_depth` within each other."""
    level = _containers([value])
    for _ in range(max_depth):
        if not level:
            return False
        level = [inner for container in level for inner in _containers(container)]
    return bool(level)


def _containers(container: Any) -> list[Any]:
    items = container.values() if type(container) is dict else container
    return [item for item in items if type(item) is list or type(item) is dict]


def check_data(kind: PacketType, data: Any, limits: Limits) -> None:
    """Check that data is what a packet of this type may have, as the official parser does.

    An event's name that is a number becomes the string that JavaScript makes of it.

    Raises:
        SocketViolation: It isn't.
    """
    if kind is PacketType.EVENT:
        _check_event(data, limits)
    elif kind is PacketType.ACK:
        if type(data) is not list:
            raise SocketViolation(f"the data of ACK must be an array: received {_name_of(data)}")
    elif kind is PacketType.CONNECT:
        # The official parser wants an object; python-socketio's clients may send a string or an array.
        if type(data) not in (dict, str, list):
            raise SocketViolation(f"the data of CONNECT must be an object: received {_name_of(data)}")
    elif kind is PacketType.CONNECT_ERROR:
        if type(data) is not dict and type(data) is not str:
            raise SocketViolation(f"the data of CONNECT_ERROR must be an object: received {_name_of(data)}")
    else:
        raise SocketViolation(f"a packet of type DISCONNECT has no data: received {_name_of(data)}")


def _check_event(data: Any, limits: Limits) -> None:
    if type(data) is not list or not data:
        raise SocketViolation("the data of an event must be an array that begins with its name")
    name = data[0]
    if type(name) is int or (type(name) is float and isfinite(name)):
        name = data[0] = str(int(name)) if name == name // 1 and abs(name) < 1e21 else repr(name)
    if type(name) is not str:
        raise SocketViolation(f"the name of an event must be a string: received {_name_of(name)}")
    if len(name) > limits.max_event_name:
        raise SocketViolation(f"an event name of more than {limits.max_event_name} characters")
    if name in RESERVED_EVENTS:
        raise SocketViolation(f"the event name {name!r} is reserved: choose another one")


def _name_of(data: Any) -> str:
    return type(data).__name__
