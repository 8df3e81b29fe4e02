"""The form ``rtserver.msgpack``: a message is a binary message, one msgpack map.

A date is the timestamp of msgpack's specification (extension type -1), a `datetime` here; other
extensions are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from math import inf
from typing import Any, NoReturn

import msgpack
import orjson

from rtserver.engineio.outgoing import Outgoing
from rtserver.errors import PlainViolation
from rtserver.plain.messages import INVALID_DATA, POLICY, PONG, UNSUPPORTED, message_of, packet_of
from rtserver.socketio.msgpack_data import Unpacker, is_deeper, without_surrogates
from rtserver.socketio.packet import DEFAULT_LIMITS, Limits, Packet

__all__ = ["MsgpackForm"]


class MsgpackForm:
    """msgpack.

    Args:
        limits: What a client's message may be at most.
    """

    __slots__ = ("_limits", "_pack", "_unpack", "pong", "subprotocol")

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._pack: Callable[[Any], bytes] = msgpack.Packer(default=_other, datetime=True).pack
        self._unpack = Unpacker().unpack
        self.subprotocol = "rtserver.msgpack"
        self.pong = Outgoing(b"", (self._pack(PONG),))

    def decode(self, data: str | bytes) -> Packet | None:
        """Decode one message of a client; None for a ping.

        Raises:
            PlainViolation: It is no message of a client.
        """
        limits = self._limits
        if isinstance(data, str):
            raise PlainViolation(UNSUPPORTED, f"a text message: messages of {self.subprotocol} are binary")
        try:
            message = self._unpack(data, _refuse)
        except ValueError as error:
            raise PlainViolation(INVALID_DATA, str(error)) from None
        if is_deeper(data, message, limits.max_depth + 1):  # and the message itself
            raise PlainViolation(POLICY, f'"data" or "auth" is nested deeper than {limits.max_depth} levels')
        return packet_of(message, limits)

    def encode(self, packet: Packet, offset: str | None = None) -> Outgoing:
        """Encode what a packet says.

        Args:
            packet: The packet.
            offset: See `message_of`.

        Raises:
            TypeError: Something in it can't be serialized.
        """
        message = message_of(packet, offset)
        try:
            try:
                data = self._pack(message)
            except UnicodeEncodeError:
                data = self._pack(without_surrogates(message))
        except (ValueError, RecursionError) as error:
            raise TypeError(str(error)) from error
        return Outgoing(b"", (data,))


def _refuse(kind: int, data: bytes) -> NoReturn:
    raise ValueError(f"extension type {kind}, of which only -1, the timestamp, is known")


def _other(item: Any) -> Any:
    """Turn what msgpack doesn't know into what the JSON form would send."""
    if isinstance(item, int):  # beyond 64 bits: what JavaScript would make of it
        try:
            return float(item)
        except OverflowError:
            return inf if item > 0 else -inf
    if isinstance(item, datetime):  # without a time zone
        return item.isoformat()
    return orjson.loads(orjson.dumps(item))
