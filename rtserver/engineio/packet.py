"""The packet types of Engine.IO, and the packets that have no content of their own.

An Engine.IO packet is one type character followed by its content (Engine.IO v4, "Packet encoding").
Text packets that go out are ``bytes`` with that character included; what comes in is the same as
``str``. A binary message has no type character: it travels as ``bytes`` alone.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = [
    "CLOSE",
    "MESSAGE",
    "NOOP",
    "PACKET_TYPES",
    "PING",
    "PING_PROBE",
    "PONG",
    "PONG_PROBE",
    "SEPARATOR",
    "UPGRADE",
    "PacketType",
]


class PacketType(IntEnum):
    """Engine.IO v4, "Protocol": the type's number is also its character on the wire."""

    OPEN = 0
    CLOSE = 1
    PING = 2
    PONG = 3
    MESSAGE = 4
    UPGRADE = 5
    NOOP = 6

    @property
    def character(self) -> str:
        """The type as the first character of a packet."""
        return str(self.value)


PACKET_TYPES = frozenset(kind.character for kind in PacketType)

CLOSE = b"1"
PING = b"2"
PONG = b"3"
MESSAGE = b"4"
"""The type character of a message; its content follows."""
UPGRADE = b"5"
NOOP = b"6"
PING_PROBE = b"2probe"
PONG_PROBE = b"3probe"
SEPARATOR = b"\x1e"
"""Stands between two packets of a polling payload."""
