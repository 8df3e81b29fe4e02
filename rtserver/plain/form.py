"""What the two forms of the protocol have in common."""

from __future__ import annotations

from typing import Protocol

from rtserver.engineio.outgoing import Outgoing
from rtserver.socketio.packet import Packet

__all__ = ["Form"]


class Form(Protocol):
    """How messages are written."""

    subprotocol: str
    """Its name in ``Sec-WebSocket-Protocol``."""
    pong: Outgoing
    """The answer to a ping."""

    def decode(self, data: str | bytes, /) -> Packet | None:
        """Decode one message of a client; None for a ping.

        Raises:
            PlainViolation: It is no message of a client.
        """

    def encode(self, packet: Packet, offset: str | None = None, /) -> Outgoing:
        """Encode what a packet says; its data may be changed.

        Args:
            packet: The packet.
            offset: See `message_of`.

        Raises:
            TypeError: Something in it can't be serialized.
        """
