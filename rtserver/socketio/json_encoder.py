"""Encode the packets of Socket.IO v5 as text, the bytes in their arguments as attachments.

What comes out begins with ``4``, the type character of the Engine.IO message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from rtserver.engineio.outgoing import Outgoing
from rtserver.socketio.json_text import Dumps, dumps
from rtserver.socketio.packet import PacketType

__all__ = [
    "connect",
    "connect_error",
    "disconnect",
    "encode_ack",
    "encode_control",
    "encode_event",
    "encode_event_text",
    "encode_with",
]

EVENT = PacketType.EVENT
ACK = PacketType.ACK
_dumps = orjson.dumps


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
    return packet if isinstance(packet, Outgoing) else Outgoing(packet)


def encode_event_text(namespace: str, id: int | None, args: Sequence[Any]) -> bytes | Outgoing:
    """Encode an event for one recipient: a whole text packet when that is all there is."""
    try:
        data = _dumps(args)
    except TypeError:
        return encode_with(dumps, EVENT, namespace, id, args)
    if namespace == "/":
        return b"42" + data if id is None else b"42%d%b" % (id, data)
    return f"42{namespace},{'' if id is None else id}".encode() + data


def encode_ack(namespace: str, id: int, args: Sequence[Any]) -> bytes | Outgoing:
    """Encode an acknowledgment: a whole text packet when that is all there is.

    Raises:
        TypeError: An argument can't be serialized.
    """
    try:
        data = _dumps(args)
    except TypeError:
        return encode_with(dumps, ACK, namespace, id, args)
    if namespace == "/":
        return b"43%d%b" % (id, data)
    return f"43{namespace},{id}".encode() + data


def encode_with(
    dumps: Dumps, kind: PacketType, namespace: str, id: int | None, args: Sequence[Any]
) -> bytes | Outgoing:
    """Encode an event or ack with any JSON engine, whatever its arguments."""
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


def encode_control(dumps: Dumps, kind: PacketType, namespace: str, data: Any = None) -> bytes:
    """Encode a packet that has neither id nor attachments; None stands for no data."""
    head = f"4{kind.value}".encode() if namespace == "/" else f"4{kind.value}{namespace},".encode()
    if data is None:
        return head
    attachments: list[bytes] = []
    try:
        text = dumps(data, attachments)
    except TypeError as error:
        raise TypeError(f"{kind.name} in namespace {namespace!r}: {error}") from error
    if attachments:
        raise TypeError(f"{kind.name} in namespace {namespace!r}: its data can't have bytes in it")
    return head + text


def connect(namespace: str, payload: Any = None) -> bytes:
    """Encode the answer to a client that has joined a namespace."""
    return encode_control(dumps, PacketType.CONNECT, namespace, payload)


def connect_error(namespace: str, data: Any) -> bytes:
    """Encode the answer to a client that was refused."""
    return encode_control(dumps, PacketType.CONNECT_ERROR, namespace, data)


def disconnect(namespace: str) -> bytes:
    """Encode the packet that ends a client's connection to a namespace."""
    return encode_control(dumps, PacketType.DISCONNECT, namespace, None)
