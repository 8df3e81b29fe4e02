"""Decode the text packets of Socket.IO v5.

    <type>[<number of attachments>-][<namespace>,][<ack id>][<JSON>]

The checks are those of the official parser, and the `Limits`, which it mostly lacks. A query in a
namespace (``/admin?x=1``), which clients of Socket.IO 2.x send instead of data, is made the data of a
CONNECT packet that has none; in any other packet it is left out.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

import orjson

from rtserver.errors import SocketViolation
from rtserver.socketio.json_text import Loads, is_too_deep, loads
from rtserver.socketio.packet import (
    DEFAULT_LIMITS,
    RESERVED_EVENTS,
    Limits,
    Packet,
    PacketType,
    check_data,
)

__all__ = ["decode", "decode_payload", "decode_with"]

EXCERPT = 40
"""Characters of a refused packet that its error shows."""

MAX_QUERY = 8192
"""Characters of a namespace's query, in which a client may have a token."""

EVENT = PacketType.EVENT
ACK = PacketType.ACK
_loads = orjson.loads

_MESSAGE, _SLASH, _TYPE_EVENT, _TYPE_ACK = b"4/23"
"""Engine.IO's type of a message, what a namespace begins with, Socket.IO's types of an event and an ack."""
_NAME = re.compile(r'[ \t\r\n]*\[[ \t\r\n]*"').match


def decode(text: str | bytes, limits: Limits = DEFAULT_LIMITS) -> Packet:
    """Decode one text message.

    Args:
        text: The content of the Engine.IO packet, without the type character ``4``. Bytes are refused.
        limits: What the packet may be at most.

    Returns:
        The packet. When its last element is not 0, so many attachments follow: see `Reassembly`.

    Raises:
        SocketViolation: It is not a packet that a client may send.
    """
    if isinstance(text, str):
        try:
            packet = decode_payload(b"4" + text.encode(), limits)
        except UnicodeEncodeError:  # half of a surrogate pair: from a caller of ours, not from a client
            packet = text
        if isinstance(packet, tuple):
            return packet
    return decode_with(loads, text, limits)


def decode_payload(payload: bytes, limits: Limits = DEFAULT_LIMITS) -> Packet | str:
    """Decode the short way: an event or an ack without attachments, which nearly every packet is.

    The JSON engine takes the bytes as they came, and checks that they are UTF-8: no `str` is made of
    what is parsed anyway, which costs more than the parsing where the text isn't ASCII.

    Args:
        payload: A whole Engine.IO packet, as in a WebSocket frame.
        limits: What the packet may be at most.

    Returns:
        The packet; or, of whatever isn't quite in order, the text. `decode` goes the long way, and says why.

    Raises:
        UnicodeDecodeError: The payload isn't UTF-8.
    """
    start = payload.find(b"[")
    if start < 2 or payload[0] != _MESSAGE:
        return payload.decode()
    namespace = "/"
    id_ = None
    if start > 2:
        digits = payload[2:start]
        if digits[0] == _SLASH:
            path, comma, digits = digits.partition(b",")
            if not comma or b"?" in path or len(path) > limits.max_namespace:
                return payload.decode()
            namespace = path.decode()
        if digits:
            if len(digits) > limits.max_id_digits or not digits.isdigit():
                return payload.decode()
            id_ = int(digits)
    is_short = len(payload) <= limits.safe_length
    if is_short or _is_within(payload, start, limits):
        kind = payload[1]
        try:
            if kind == _TYPE_EVENT:
                data = _loads(payload[start:] if is_short else memoryview(payload)[start:])
                name = data[0]
                if (
                    type(name) is str
                    and name not in RESERVED_EVENTS
                    and (is_short or len(name) <= limits.max_event_name)
                ):
                    return EVENT, namespace, id_, data, 0
            elif kind == _TYPE_ACK and id_ is not None:
                return ACK, namespace, id_, _loads(memoryview(payload)[start:]), 0
        except (ValueError, IndexError):
            pass
    return payload.decode()


def _is_within(payload: bytes, start: int, limits: Limits) -> bool:
    """Tell whether the array that begins at `start` may be parsed: later it would be too late."""
    is_nested = payload.find(b"[", start + 1) > 0 or payload.find(b"{", start) > 0
    if is_nested and is_too_deep(payload[start:], limits.max_depth):
        return False
    begin = start + 2
    return payload[1] != _TYPE_EVENT or (
        payload[start + 1 : begin] == b'"' and payload.find(b'"', begin, begin + _escaped(limits)) > 0
    )


def _escaped(limits: Limits) -> int:
    """Return how many characters or bytes hold an event's name: an escape sequence takes six for one."""
    return 6 * limits.max_event_name + 1


def _is_name_within(text: str, start: int, limits: Limits) -> bool:
    if text[start + 1 : start + 2] == '"':
        begin = start + 2
    else:
        match = _NAME(text, start)
        if match is None:  # not a name, which is found out later
            return True
        begin = match.end()
    return text.find('"', begin, begin + _escaped(limits)) > 0


def decode_with(loads: Loads, text: str | bytes, limits: Limits = DEFAULT_LIMITS) -> Packet:
    """Decode any text message, whatever its type, with any JSON engine. Otherwise as `decode`."""
    if not isinstance(text, str):
        raise SocketViolation(f"a binary message of {len(text)} bytes that no packet has announced")
    kind = _kind(text)
    position = 1
    attachments = 0
    if kind in (PacketType.BINARY_EVENT, PacketType.BINARY_ACK):
        attachments, position = _attachments(text, limits)
        kind = EVENT if kind is PacketType.BINARY_EVENT else ACK
    namespace, query = "/", ""
    if text.startswith("/", position):
        namespace, query, position = _namespace(text, position, limits)
    id_, position = _ack_id(text, position, limits)
    data = _data(kind, loads, text, position, limits)
    if kind is ACK and id_ is None:
        raise SocketViolation(f"an acknowledgment without an id: received {_excerpt(text)}")
    if query and data is None and kind is PacketType.CONNECT:
        data = dict(parse_qsl(query, keep_blank_values=True))
    return kind, namespace, id_, data, attachments


def _kind(text: str) -> PacketType:
    if not text:
        raise SocketViolation("an empty packet: it needs a type, 0 to 6")
    if text[0] not in "0123456":
        raise SocketViolation(f"unknown packet type {text[0]!r}: expected 0 to 6")
    return PacketType(int(text[0]))


def _attachments(text: str, limits: Limits) -> tuple[int, int]:
    end = text.find("-", 1, len(str(limits.max_attachments)) + 2)
    count = text[1:end] if end > 0 else ""
    if not (count.isdecimal() and count.isascii()) or int(count) > limits.max_attachments:
        raise SocketViolation(
            f"a binary packet needs its number of attachments, at most {limits.max_attachments}, "
            f"and a hyphen: received {_excerpt(text)}"
        )
    return int(count), end + 1


def _namespace(text: str, start: int, limits: Limits) -> tuple[str, str, int]:
    end = text.find(",", start, start + limits.max_namespace + MAX_QUERY + 2)
    if end < 0:
        end = len(text)
    namespace, _, query = text[start:end].partition("?")
    if len(namespace) > limits.max_namespace:
        raise SocketViolation(f"a namespace of more than {limits.max_namespace} characters")
    if len(query) > MAX_QUERY:
        raise SocketViolation(f"a namespace whose query has more than {MAX_QUERY} characters")
    return namespace, query, end + 1


def _ack_id(text: str, start: int, limits: Limits) -> tuple[int | None, int]:
    end = start
    for character in text[start : start + limits.max_id_digits + 1]:
        if character not in "0123456789":
            break
        end += 1
    if end - start > limits.max_id_digits:
        raise SocketViolation(f"an ack id of more than {limits.max_id_digits} digits")
    return (int(text[start:end]) if end > start else None), end


def _data(kind: PacketType, loads: Loads, text: str, start: int, limits: Limits) -> Any:
    if start >= len(text):
        if kind in (PacketType.CONNECT, PacketType.DISCONNECT):
            return None
        raise SocketViolation(f"a packet of type {kind.name} needs data: received {_excerpt(text)}")
    payload = text[start:]
    if len(payload) > limits.safe_length and is_too_deep(payload, limits.max_depth):
        raise SocketViolation(f"data nested deeper than {limits.max_depth} levels")
    if kind is EVENT and not _is_name_within(payload, 0, limits):
        raise SocketViolation(f"an event name of more than {limits.max_event_name} characters")
    try:
        data = loads(payload)
    except ValueError as error:
        raise SocketViolation(f"data that is not JSON ({error}): received {_excerpt(text)}") from None
    check_data(kind, data, limits)
    return data


def _excerpt(text: str) -> str:
    return repr(text if len(text) <= EXCERPT else text[:EXCERPT] + "…")
