"""Counts the events of clients by namespace, on their way into a server.

It stands between Engine.IO and the server, and only where metrics are wanted.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from rtserver.engineio.handler import PacketHandler, Session
from rtserver.errors import SocketViolation
from rtserver.server.codecs import has_binary_packets
from rtserver.socketio.codec import Codec
from rtserver.socketio.packet import PacketType

__all__ = ["OTHER", "Meter"]

MOST: Final = 100
"""Namespaces that are counted by name. Clients choose names, and there is no end of them."""
OTHER: Final = "other"
"""Stands for all others."""
_EVENTS: Final = (PacketType.EVENT, PacketType.BINARY_EVENT)


class Meter:
    """An Engine.IO handler in front of another one.

    Args:
        handler: The server.
        codec: The server's.
        exists: Tells whether there is a namespace of this name.
    """

    __slots__ = (
        "_binary",
        "_exists",
        "_message",
        "_packet",
        "connect",
        "decode",
        "disconnect",
        "drain",
        "events",
    )

    def __init__(self, handler: PacketHandler, codec: Codec, exists: Callable[[str], bool]) -> None:
        self._binary = codec.decode if has_binary_packets(codec) else None
        self._message = handler.message
        self._packet = handler.packet
        self._exists = exists
        self.connect = handler.connect
        self.decode = handler.decode
        self.disconnect = handler.disconnect
        self.drain = handler.drain
        self.events: dict[str, int] = {OTHER: 0}
        """How many events of each namespace came in."""

    def packet(self, session: Session, packet: Any, /) -> None:
        """Take one packet of a client."""
        if packet[0] in _EVENTS:
            try:
                self.events[packet[1]] += 1
            except KeyError:
                self._first(packet[1])
        self._packet(session, packet)

    def message(self, session: Session, data: str | bytes, /) -> None:
        """Take one message of a client that isn't decoded yet."""
        if self._binary is not None and isinstance(data, bytes):
            with suppress(SocketViolation):  # the server finds the same, and ends the session
                packet = self._binary(data)
                if packet[0] in _EVENTS:
                    self._add(packet[1])
        elif isinstance(data, str) and data[:1] in ("2", "5"):
            self._count(data)
        self._message(session, data)

    def _count(self, text: str) -> None:
        """Count an event by its text: its type, attachments and a dash, a namespace and a comma, the rest."""
        start = text.find("-") + 1 if text[0] == "5" else 1
        self._add(text[start : text.find(",", start)] if text[start : start + 1] == "/" else "/")

    def _add(self, name: str) -> None:
        if name in self.events:
            self.events[name] += 1
        else:
            self._first(name)

    def _first(self, name: str) -> None:
        name = name if len(self.events) < MOST and self._exists(name) else OTHER
        self.events[name] = self.events.get(name, 0) + 1
