"""The default codec of Socket.IO v5: a text packet with JSON in it, attachments beside it.

    <type>[<number of attachments>-][<namespace>,][<ack id>][<JSON>]

`decode` takes the content of an Engine.IO message packet; what the encoders return begins with the
Engine.IO type character ``4``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from rtserver.engineio.outgoing import Outgoing
from rtserver.errors import SocketViolation
from rtserver.socketio.json_text import dumps, is_too_deep, loads
from rtserver.socketio.packet import DEFAULT_LIMITS, RESERVED_EVENTS, Limits, Packet, PacketType

__all__ = [
    "JsonCodec",
    "connect",
    "connect_error",
    "decode",
    "disconnect",
    "encode_ack",
    "encode_event",
    "encode_event_text",
]

EVENT = PacketType.EVENT
ACK = PacketType.ACK
EXCERPT = 40
"""Characters of a refused packet that its error shows."""

_orjson_loads = orjson.loads
_orjson_dumps = orjson.dumps


def decode(text: str, limits: Limits = DEFAULT_LIMITS) -> Packet:
    """Decode one text message.

    Args:
        text: The content of the Engine.IO packet, without the type character ``4``.
        limits: What the packet may be at most.

    Returns:
        The packet. With a last element above zero its attachments follow, see `Reassembly`.

    Raises:
        SocketViolation: It is not a packet that a client may send.
    """
    start = text.find("[")
    head = text[:start]
    # An event or ack in the main namespace, and short: nearly every packet. The rest takes the long way.
    if len(text) <= limits.safe_length and head.isdecimal() and head.isascii():
        kind = head[0]
        if kind == "2":
            try:
                data = _orjson_loads(text[start:])
                name = data[0]
                if type(name) is str and name not in RESERVED_EVENTS:
                    if start == 1:
                        return EVENT, "/", None, data, 0
                    if start <= limits.max_id_digits + 1:
                        return EVENT, "/", int(head[1:]), data, 0
            except (ValueError, LookupError):
                pass
        elif kind == "3" and 1 < start <= limits.max_id_digits + 1:
            try:
                return ACK, "/", int(head[1:]), _orjson_loads(text[start:]), 0
            except ValueError:
                pass
    return _decode(text, limits)


def _decode(text: str, limits: Limits) -> Packet:
    kind = _kind(text)
    position = 1
    attachments = 0
    if kind in (PacketType.BINARY_EVENT, PacketType.BINARY_ACK):
        attachments, position = _attachments(text, limits)
        kind = EVENT if kind is PacketType.BINARY_EVENT else ACK
    namespace = "/"
    if text.startswith("/", position):
        namespace, position = _namespace(text, position, limits)
    id_, position = _ack_id(text, position, limits)
    data = _payload(kind, text, position, limits)
    if kind is ACK and id_ is None:
        raise SocketViolation(f"an acknowledgment without an id: received {_excerpt(text)}")
    return kind, namespace, id_, data, attachments


def _kind(text: str) -> PacketType:
    if not text:
        raise SocketViolation("an empty packet: it needs a type, 0 to 6")
    if text[0] not in "0123456":
        raise SocketViolation(f"unknown packet type {text[0]!r}: expected 0 to 6")
    return PacketType(int(text[0]))


def _attachments(text: str, limits: Limits) -> tuple[int, int]:
    digits = len(str(limits.max_attachments))
    end = text.find("-", 1, digits + 2)
    count = text[1:end] if end > 0 else ""
    if not (count.isdecimal() and count.isascii()):
        raise SocketViolation(
            f"a binary packet needs a number of attachments up to {limits.max_attachments} and a hyphen: "
            f"received {_excerpt(text)}"
        )
    if int(count) > limits.max_attachments:
        raise SocketViolation(f"{count} attachments: at most {limits.max_attachments} are accepted")
    return int(count), end + 1


def _namespace(text: str, start: int, limits: Limits) -> tuple[str, int]:
    end = text.find(",", start, start + limits.max_namespace + 1)
    if end < 0:
        end = len(text)
        if end - start > limits.max_namespace:
            raise SocketViolation(f"a namespace of more than {limits.max_namespace} characters")
    return text[start:end].partition("?")[0], end + 1


def _ack_id(text: str, start: int, limits: Limits) -> tuple[int | None, int]:
    end = start
    for character in text[start : start + limits.max_id_digits + 1]:
        if character not in "0123456789":
            break
        end += 1
    if end - start > limits.max_id_digits:
        raise SocketViolation(f"an ack id of more than {limits.max_id_digits} digits")
    return (int(text[start:end]) if end > start else None), end


def _payload(kind: PacketType, text: str, start: int, limits: Limits) -> Any:
    if start >= len(text):
        if kind in (EVENT, ACK, PacketType.CONNECT_ERROR):
            raise SocketViolation(f"a packet of type {kind.name} without data: received {_excerpt(text)}")
        return None
    if kind is PacketType.DISCONNECT:
        raise SocketViolation(f"a packet of type DISCONNECT with data: received {_excerpt(text)}")
    payload = text[start:]
    if is_too_deep(payload, limits.max_depth):
        raise SocketViolation(f"data nested deeper than {limits.max_depth} levels")
    try:
        data = loads(payload)
    except ValueError as error:
        raise SocketViolation(f"data that is not JSON ({error}): received {_excerpt(text)}") from None
    if kind is EVENT:
        check_event(data, limits)
    elif kind is ACK:
        if type(data) is not list:
            raise SocketViolation(
                f"the data of an acknowledgment must be an array: received {_excerpt(text)}"
            )
    elif type(data) is not dict and (kind is PacketType.CONNECT or type(data) is not str):
        raise SocketViolation(f"the data of {kind.name} must be an object: received {_excerpt(text)}")
    return data


def check_event(data: Any, limits: Limits) -> None:
    """Check the data of an event, and make a name that is a number a string, as JavaScript does."""
    if type(data) is not list or not data:
        raise SocketViolation("the data of an event must be an array that begins with its name")
    name = data[0]
    if type(name) in (int, float):
        name = data[0] = str(int(name) if name == int(name) else name)
    if type(name) is not str:
        raise SocketViolation(f"the name of an event must be a string: received {type(name).__name__}")
    if len(name) > limits.max_event_name:
        raise SocketViolation(f"an event name of more than {limits.max_event_name} characters")
    if name in RESERVED_EVENTS:
        raise SocketViolation(f"the event name {name!r} is reserved: choose another one")


def _excerpt(text: str) -> str:
    return repr(text if len(text) <= EXCERPT else text[:EXCERPT] + "…")


def encode_event(namespace: str, id: int | None, args: Sequence[Any]) -> Outgoing:
    """Encode an event for any number of recipients.

    Args:
        namespace: Where it is emitted.
        id: The ack id, None when no acknowledgment is asked for.
        args: The event's name and its arguments.

    Raises:
        TypeError: An argument can't be serialized.
    """
    packet = encode_event_text(namespace, id, args)
    return Outgoing(packet) if type(packet) is bytes else packet  # type: ignore[return-value]


def encode_event_text(namespace: str, id: int | None, args: Sequence[Any]) -> bytes | Outgoing:
    """Encode an event for one recipient: a whole text packet when that is all there is."""
    try:
        data = _orjson_dumps(args)
    except TypeError:
        return _encode_slowly(EVENT, namespace, id, args)
    if namespace == "/":
        return b"42" + data if id is None else b"42%d%b" % (id, data)
    return b"%b%b" % (f"42{namespace},{'' if id is None else id}".encode(), data)


def encode_ack(namespace: str, id: int, args: Sequence[Any]) -> bytes | Outgoing:
    """Encode an acknowledgment: a whole text packet when that is all there is.

    Raises:
        TypeError: An argument can't be serialized.
    """
    try:
        data = _orjson_dumps(args)
    except TypeError:
        return _encode_slowly(ACK, namespace, id, args)
    if namespace == "/":
        return b"43%d%b" % (id, data)
    return f"43{namespace},{id}".encode() + data


def _encode_slowly(kind: PacketType, namespace: str, id: int | None, args: Sequence[Any]) -> bytes | Outgoing:
    attachments: list[bytes] = []
    try:
        data = dumps(list(args), attachments)
    except TypeError as error:
        what = f"event {args[0]!r}" if kind is EVENT else f"acknowledgment {id}"
        raise TypeError(f"{what} in namespace {namespace!r}: {error}") from error
    path = "" if namespace == "/" else f"{namespace},"
    number = "" if id is None else id
    if not attachments:
        return f"4{kind.value}{path}{number}".encode() + data
    kind = PacketType.BINARY_EVENT if kind is EVENT else PacketType.BINARY_ACK
    return Outgoing(f"4{kind.value}{len(attachments)}-{path}{number}".encode() + data, attachments)


def connect(namespace: str, payload: Any = None) -> bytes:
    """Encode the answer to a client that has joined a namespace."""
    return _control(PacketType.CONNECT, namespace, payload)


def connect_error(namespace: str, data: Any) -> bytes:
    """Encode the answer to a client that was refused."""
    return _control(PacketType.CONNECT_ERROR, namespace, data)


def disconnect(namespace: str) -> bytes:
    """Encode the packet that ends a client's connection to a namespace."""
    return _control(PacketType.DISCONNECT, namespace, None)


def _control(kind: PacketType, namespace: str, data: Any) -> bytes:
    head = f"4{kind.value}".encode() if namespace == "/" else f"4{kind.value}{namespace},".encode()
    if data is None:
        return head
    attachments: list[bytes] = []
    text = dumps(data, attachments)
    if attachments:
        raise TypeError(f"the data of {kind.name} can't have bytes in it: received {data!r}")
    return head + text


class JsonCodec:
    """The functions of this module as a `Codec`.

    Args:
        limits: What a client's packet may be at most.
    """

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self.limits = limits

    encode_event = staticmethod(encode_event)
    encode_event_text = staticmethod(encode_event_text)
    encode_ack = staticmethod(encode_ack)
    connect = staticmethod(connect)
    connect_error = staticmethod(connect_error)
    disconnect = staticmethod(disconnect)

    def decode(self, data: str | bytes) -> Packet:
        """Decode one message that no `Reassembly` is waiting for."""
        if type(data) is str:
            return decode(data, self.limits)
        raise SocketViolation(f"a binary message of {len(data)} bytes that no packet has announced")
