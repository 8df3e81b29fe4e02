"""The form ``rtserver.json``: a message is a text message, one JSON object."""

from __future__ import annotations

from typing import Final

from rtserver.engineio.outgoing import Outgoing
from rtserver.errors import PlainViolation
from rtserver.plain.messages import INVALID_DATA, POLICY, PONG, UNSUPPORTED, message_of, packet_of
from rtserver.plain.tagging import tag, untag
from rtserver.socketio.json_text import dumps, is_too_deep, loads
from rtserver.socketio.packet import DEFAULT_LIMITS, Limits, Packet

__all__ = ["JsonForm"]

_SHOWN: Final = 40


class JsonForm:
    """JSON, with bytes as tagged objects.

    Args:
        limits: What a client's message may be at most.
    """

    __slots__ = ("_limits", "pong", "subprotocol")

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self.subprotocol = "rtserver.json"
        self.pong = Outgoing(dumps(PONG, []))

    def decode(self, data: str | bytes) -> Packet | None:
        """Decode one message of a client; None for a ping.

        Raises:
            PlainViolation: It is no message of a client.
        """
        limits = self._limits
        if not isinstance(data, str):
            raise PlainViolation(
                UNSUPPORTED,
                f"a binary message: messages of {self.subprotocol} are text, with bytes as base64",
            )
        if len(data) > limits.max_depth and is_too_deep(data, limits.max_depth + 1):  # and the message itself
            raise PlainViolation(POLICY, f'"data" or "auth" is nested deeper than {limits.max_depth} levels')
        try:
            message = loads(data)
        except ValueError as error:
            raise PlainViolation(INVALID_DATA, f"not JSON ({error}): received {data[:_SHOWN]!r}") from None
        # what may stand for "$bytes": the key itself, or any escape sequence
        if ("bytes" in data or "\\u" in data) and type(message) is dict:
            untag(message)
        return packet_of(message, limits)

    def encode(self, packet: Packet, offset: str | None = None) -> Outgoing:
        """Encode what a packet says; its data is changed where it has bytes in it.

        Args:
            packet: The packet.
            offset: See `message_of`.

        Raises:
            TypeError: Something in it can't be serialized.
        """
        message = message_of(packet, offset)
        tag(message)
        return Outgoing(dumps(message, []))
