"""The msgpack codec: a whole packet, bytes included, as one binary message.

    {"type": 2, "data": ["name", ...], "nsp": "/", "id": 12}

It speaks with socket.io-msgpack-parser and with python-socketio's ``serializer="msgpack"``. The
former writes three JavaScript values as extensions of type 0: ``undefined`` (one byte), which is None
here, a ``Date`` (eight: milliseconds), an aware `datetime` here, and an ``ArrayBuffer``. It is how a
`datetime` goes out as well. The timestamp of msgpack's own specification (type -1) is understood too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any, Final

import msgpack
import orjson

from rtserver.engineio.outgoing import Outgoing
from rtserver.errors import SocketViolation
from rtserver.socketio.packet import DEFAULT_LIMITS, Limits, Packet, PacketType, check_data

__all__ = ["MsgpackCodec"]

JAVASCRIPT: Final = 0
"""The extension type of notepack.io, the library under socket.io-msgpack-parser."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND: Final = timedelta(milliseconds=1)
AS_DATETIME: Final = 3

_ARRAYS_AND_MAPS: Final = bytes([*range(0x80, 0xA0), 0xDC, 0xDD, 0xDE, 0xDF])
_OTHER_BYTES: Final = bytes(set(range(256)) - set(_ARRAYS_AND_MAPS))


class MsgpackCodec:
    """The codec of servers with ``serializer="msgpack"``.

    Args:
        limits: What a client's packet may be at most.
    """

    __slots__ = ("_pack", "_scanner", "limits")

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self.limits = limits
        self._pack: Callable[[Any], bytes] = msgpack.Packer(default=_other).pack
        self._scanner = _Scanner()

    def decode(self, data: str | bytes) -> Packet:
        """Decode one binary message.

        Raises:
            SocketViolation: It is not a packet that a client may send.
        """
        if isinstance(data, str):
            raise SocketViolation(f"a text message of {len(data)} characters: packets are msgpack here")
        max_depth = self.limits.max_depth
        if len(data) > max_depth:
            self._scanner.check(data)
        # A lone 0xc7 is an ArrayBuffer where its length could make it something else.
        hook = _Extensions(data) if b"\xc7\x08\x00" in data or b"\xc7\x01\x00" in data else _extension
        try:
            packet = msgpack.unpackb(data, ext_hook=hook, timestamp=AS_DATETIME)
        except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException) as error:
            raise SocketViolation(f"not msgpack ({_what(error)}): received {data[:20]!r}") from None
        if type(packet) is not dict:
            raise SocketViolation(f"a packet must be a map: received {type(packet).__name__}")
        if len(data) > max_depth and len(data.translate(None, _OTHER_BYTES)) > max_depth:
            _check_depth(packet.get("data"), max_depth)
        return self._check(packet)

    def _check(self, packet: dict[Any, Any]) -> Packet:
        limits = self.limits
        number, namespace, id_ = packet.get("type"), packet.get("nsp"), packet.get("id")
        if type(number) is not int or not PacketType.CONNECT <= number <= PacketType.CONNECT_ERROR:
            raise SocketViolation(f"unknown packet type {number!r}: expected 0 to 4")
        if type(namespace) is not str:
            raise SocketViolation(f"a namespace must be a string: received {type(namespace).__name__}")
        if len(namespace) > limits.max_namespace:
            raise SocketViolation(f"a namespace of more than {limits.max_namespace} characters")
        if id_ is not None and (type(id_) is not int or not 0 <= id_ < 10**limits.max_id_digits):
            raise SocketViolation(f"an ack id must be an integer of at most {limits.max_id_digits} digits")
        kind = PacketType(number)
        if kind is PacketType.ACK and id_ is None:
            raise SocketViolation("an acknowledgment without an id")
        data = packet.get("data")
        if data is not None or kind not in (PacketType.CONNECT, PacketType.DISCONNECT):
            check_data(kind, data, limits)
        return kind, namespace.partition("?")[0] or "/", id_, data, 0

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
                data = self._pack(_without_surrogates(packet))
        except (TypeError, ValueError, RecursionError) as error:
            what = f"event {packet['data'][0]!r}" if packet["type"] == 2 else PacketType(packet["type"]).name
            raise TypeError(f"{what} in namespace {packet['nsp']!r}: {error}") from error
        return Outgoing(b"", (data,))


class _Scanner:
    """Runs over a message without making anything of it.

    An array's header may announce more elements than follow, and the parser makes room for them at
    once, in each of many nested arrays. What has been run over whole takes no more than its size allows.
    """

    __slots__ = ("_unpacker",)

    def __init__(self) -> None:
        self._unpacker = _new_unpacker()

    def check(self, data: bytes) -> None:
        unpacker = self._unpacker
        begin = unpacker.tell()
        try:
            unpacker.feed(data)
            unpacker.skip()
        except (ValueError, msgpack.UnpackException) as error:
            self._unpacker = _new_unpacker()
            raise SocketViolation(f"not msgpack ({_what(error)}): received {data[:20]!r}") from None
        if unpacker.tell() - begin != len(data):
            self._unpacker = _new_unpacker()
            raise SocketViolation(f"{begin + len(data) - unpacker.tell()} bytes behind the end of a packet")


def _new_unpacker() -> Any:
    return msgpack.Unpacker(max_buffer_size=0, read_size=1024)


def _check_depth(data: Any, max_depth: int) -> None:
    level = _containers([data])
    for _ in range(max_depth):
        if not level:
            return
        level = [inner for container in level for inner in _containers(container)]
    if level:
        raise SocketViolation(f"data nested deeper than {max_depth} levels")


def _containers(container: Any) -> list[Any]:
    items = container.values() if type(container) is dict else container
    return [item for item in items if type(item) is list or type(item) is dict]


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

    __slots__ = ("_message",)

    def __init__(self, message: bytes) -> None:
        self._message = message

    def __call__(self, kind: int, data: bytes) -> Any:
        if kind == JAVASCRIPT and len(data) < 256 and b"\xc7%c\x00%b" % (len(data), data) in self._message:
            return data
        return _extension(kind, data)


def _other(item: Any) -> Any:
    """Turn what msgpack doesn't know, but orjson does, into what the JSON codec would send.

    An integer beyond 64 bits becomes the float that JavaScript would make of it.
    """
    if isinstance(item, int):
        try:
            return float(item)
        except OverflowError:
            return inf if item > 0 else -inf
    if isinstance(item, datetime) and item.tzinfo is not None:
        return msgpack.ExtType(JAVASCRIPT, ((item - EPOCH) // MILLISECOND).to_bytes(8, "big", signed=True))
    try:
        return orjson.loads(orjson.dumps(item))
    except TypeError:
        raise TypeError(f"an object of type {type(item).__name__} can't be serialized") from None


def _without_surrogates(value: Any) -> Any:
    """Copy with lone surrogates replaced, which UTF-8 has no form for, as browsers do it."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, (list, tuple)) and not isinstance(value, msgpack.ExtType):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value


def _what(error: Exception) -> str:
    return str(error) or type(error).__name__
