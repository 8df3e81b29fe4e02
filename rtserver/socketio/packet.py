"""The packets of Socket.IO v5 as the codecs hand them on, and what a client's packet may be.

A decoded packet is a tuple rather than an object: one is made for every message that comes in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final, Protocol

from rtserver.engineio.outgoing import Outgoing

__all__ = ["DEFAULT_LIMITS", "RESERVED_EVENTS", "Codec", "Limits", "Packet", "PacketType"]


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
        max_namespace: Characters of a namespace, query included.
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


class Codec(Protocol):
    """A serializer: both sides of a connection use the same."""

    def decode(self, data: str | bytes, /) -> Packet:
        """Decode one message of a client.

        Raises:
            SocketViolation: It is not a packet that a client may send.
        """

    def encode_event(self, namespace: str, id: int | None, args: Sequence[Any], /) -> Outgoing:
        """Encode an event; `args` begins with its name.

        Raises:
            TypeError: An argument can't be serialized.
        """

    def encode_ack(self, namespace: str, id: int, args: Sequence[Any], /) -> bytes | Outgoing:
        """Encode an acknowledgment: a whole text packet when that is all there is.

        Raises:
            TypeError: An argument can't be serialized.
        """

    def connect(self, namespace: str, payload: Any = None, /) -> bytes | Outgoing:
        """Encode the answer to a client that has joined a namespace."""

    def connect_error(self, namespace: str, data: Any, /) -> bytes | Outgoing:
        """Encode the answer to a client that was refused."""

    def disconnect(self, namespace: str, /) -> bytes | Outgoing:
        """Encode the packet that ends a client's connection to a namespace."""
