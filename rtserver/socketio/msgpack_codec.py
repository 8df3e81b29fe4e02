"""The msgpack codec: a whole packet, bytes included, as one binary message.

    {"type": 2, "data": ["name", ...], "nsp": "/", "id": 12}

It speaks with socket.io-msgpack-parser and with python-socketio's ``serializer="msgpack"``. The
former writes three JavaScript values as extensions of type 0: ``undefined`` (one byte), which is None
here, a ``Date`` (eight: milliseconds), an aware `datetime` here, and an ``ArrayBuffer``. It is how a
`datetime` goes out as well. The timestamp of msgpack's own specification (type -1) is understood too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgpack

from rtserver.engineio.outgoing import Outgoing
from rtserver.errors import SocketViolation
from rtserver.socketio.msgpack_data import Unpacker, is_deeper, plain, without_surrogates
from rtserver.socketio.packet import DEFAULT_LIMITS, UNLIMITED, Limits, Packet, PacketType, check_packet

__all__ = ["MsgpackCodec"]

JAVASCRIPT: Final = 0
"""The extension type of notepack.io, the library under socket.io-msgpack-parser."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND: Final = timedelta(milliseconds=1)
_DOUBTFUL: Final = re.compile(rb"\xc7(?=\x01\x00(.)|\x08\x00(.{8}))", re.DOTALL)
"""What may be the header of an ``ArrayBuffer`` of 1 or 8 bytes, and these."""


class MsgpackCodec:
    """The codec of servers with ``serializer="msgpack"``.

    Args:
        limits: What a client's packet may be at most.
    """

    __slots__ = ("_pack", "_unpack", "limits")

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self.limits = limits
        self._pack: Callable[[Any], bytes] = msgpack.Packer(default=_other).pack
        self._unpack = Unpacker().unpack

    def decode(self, data: str | bytes) -> Packet:
        """Decode one binary message.

        Raises:
            SocketViolation: It is not a packet that a client may send.
        """
        if isinstance(data, str):
            raise SocketViolation(f"a text message of {len(data)} characters: packets are msgpack here")
        return self._packet(data, self.limits)

    def decode_own(self, data: str | bytes) -> Packet:
        """Decode what this codec has encoded, which no limit is for."""
        assert isinstance(data, bytes)
        return self._packet(data, UNLIMITED)

    def _packet(self, message: bytes, limits: Limits) -> Packet:
        # A lone 0xc7 is an ArrayBuffer where its length could make it something else.
        has_doubt = b"\xc7\x08\x00" in message or b"\xc7\x01\x00" in message
        try:
            packet = self._unpack(message, _Extensions(message) if has_doubt else _extension)
        except ValueError as error:
            raise SocketViolation(str(error)) from None
        if type(packet) is not dict:
            raise SocketViolation(f"a packet must be a map: received {type(packet).__name__}")
        if is_deeper(message, packet, limits.max_depth + 1):
            raise SocketViolation(f"data nested deeper than {limits.max_depth} levels")
        return check_packet(
            packet.get("type"), packet.get("nsp"), packet.get("id"), packet.get("data"), limits
        )

    def encode_event(self, namespace: str, id: int | None, args: Sequence[Any]) -> Outgoing:
        """Encode an event; `args` begins with its name.

        Raises:
            TypeError: An argument can't be serialized.
        """
        packet: dict[str, Any] = {"type": 2, "data": args, "nsp": namespace}
        if id is not None:
            packet["id"] = id
        return self._encode(packet)

    encode_event_text = encode_event

    def encode_ack(self, namespace: str, id: int, args: Sequence[Any]) -> Outgoing:
        """Encode an acknowledgment.

        Raises:
            TypeError: An argument can't be serialized.
        """
        return self._encode({"type": 3, "data": args, "nsp": namespace, "id": id})

    def connect(self, namespace: str, payload: Any = None) -> Outgoing:
        """Encode the answer to a client that has joined a namespace."""
        packet: dict[str, Any] = {"type": 0, "nsp": namespace}
        if payload is not None:  # JavaScript's null is not undefined
            packet["data"] = payload
        return self._encode(packet)

    def connect_error(self, namespace: str, data: Any) -> Outgoing:
        """Encode the answer to a client that was refused."""
        return self._encode({"type": 4, "data": data, "nsp": namespace})

    def disconnect(self, namespace: str) -> Outgoing:
        """Encode the packet that ends a client's connection to a namespace."""
        return self._encode({"type": 1, "nsp": namespace})

    def _encode(self, packet: dict[str, Any]) -> Outgoing:
        try:
            try:
                data = self._pack(packet)
            except UnicodeEncodeError:
                data = self._pack(without_surrogates(packet))
        except (TypeError, ValueError, RecursionError) as error:
            what = f"event {packet['data'][0]!r}" if packet["type"] == 2 else PacketType(packet["type"]).name
            raise TypeError(f"{what} in namespace {packet['nsp']!r}: {error}") from error
        return Outgoing(b"", (data,))


def _extension(kind: int, data: bytes) -> Any:
    if kind != JAVASCRIPT:
        return msgpack.ExtType(kind, data)
    if len(data) == 1:
        return None  # undefined
    if len(data) == 8:
        return EPOCH + int.from_bytes(data, "big", signed=True) * MILLISECOND
    return data


class _Extensions:
    """Tell an ``ArrayBuffer`` of 1 or 8 bytes, by its header, from ``undefined`` and ``Date``."""

    __slots__ = ("_buffers",)

    def __init__(self, message: bytes) -> None:
        self._buffers = {match[1] or match[2] for match in _DOUBTFUL.finditer(message)}

    def __call__(self, kind: int, data: bytes) -> Any:
        if kind == JAVASCRIPT and data in self._buffers:
            return data
        return _extension(kind, data)


def _other(item: Any) -> Any:
    """Turn what msgpack doesn't know into a JavaScript ``Date``, or into what stands in its JSON."""
    if isinstance(item, datetime) and item.tzinfo is not None:
        return msgpack.ExtType(JAVASCRIPT, ((item - EPOCH) // MILLISECOND).to_bytes(8, "big", signed=True))
    return plain(item)
