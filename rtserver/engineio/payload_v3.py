"""The payloads of Engine.IO v3, which old clients poll and post: two forms, chosen for each payload.

    text       <length>:<packet>                             a binary message as b4 and its base64
    binary     0|1 <digits as bytes> 255 <packet>            0: a text packet, 1: a binary one

The length of the text form counts as JavaScript does, in UTF-16 code units: a character beyond U+FFFF
counts twice. The length of the binary form counts bytes, of UTF-8 where the packet is text. A client
that can take it gets the binary form for a payload that has a binary message in it.

Engine.IO v3, "Encoding", "Payload". The limit is one in bytes, as in v4: it bounds the packets too.
"""

from __future__ import annotations

import binascii
import re

from rtserver.engineio.outgoing import Outgoing
from rtserver.engineio.packet import MESSAGE, PACKET_TYPES
from rtserver.errors import EngineViolation

__all__ = [
    "BINARY_PREFIX",
    "binary_form",
    "decode_base64",
    "decode_binary_message",
    "decode_binary_payload",
    "decode_text_payload",
    "encode_base64",
    "encode_binary",
    "encode_text",
    "text_form",
    "with_types",
]

BINARY_PREFIX = "b"
MESSAGE_BYTE = int(MESSAGE)
"""The type of a binary packet is a number, rather than its character."""
IS_TEXT, IS_BINARY = 0, 1
END_OF_LENGTH = 255
MAX_DIGITS = 10
"""Digits of a length: more than any limit has."""
EXCERPT = 20
"""Characters of a refused packet that its error shows."""

_ASTRAL = re.compile("[\U00010000-\U0010ffff]")


# Out.


def encode_text(packet: bytes) -> bytes:
    """Encode one text packet, type character included, in the text form."""
    units = len(packet) if packet.isascii() else len(packet.decode().encode("utf-16-le")) // 2
    return b"%d:%b" % (units, packet)


def encode_base64(message: bytes) -> bytes:
    """Encode a binary message as a text packet: for payloads, and for WebSockets that can't be binary."""
    return b"b4" + binascii.b2a_base64(message, newline=False)


def encode_binary(packet: bytes) -> bytes:
    """Encode one text packet, type character included, in the binary form."""
    return _head(IS_TEXT, len(packet)) + packet


def text_form(outgoing: Outgoing) -> bytes:
    """Encode all parts of a message in the text form."""
    parts = [encode_text(outgoing.text)] if outgoing.text else []
    parts += [encode_text(encode_base64(part)) for part in outgoing.attachments]
    return b"".join(parts)


def binary_form(outgoing: Outgoing) -> bytes:
    """Encode all parts of a message in the binary form."""
    parts = [encode_binary(outgoing.text)] if outgoing.text else []
    for part in outgoing.attachments:
        parts += (_head(IS_BINARY, 1 + len(part)), bytes((MESSAGE_BYTE,)), part)
    return b"".join(parts)


def with_types(outgoing: Outgoing) -> Outgoing:
    """Return a message for WebSockets, where each attachment begins with the type of its packet."""
    kind = bytes((MESSAGE_BYTE,))
    return Outgoing(outgoing.text, [kind + part for part in outgoing.attachments])


def _head(kind: int, length: int) -> bytes:
    return bytes((kind, *map(int, str(length)), END_OF_LENGTH))


# In.


def decode_text_payload(body: bytes, *, limit: int) -> list[str | bytes]:
    """Decode the packets of a body in the text form, in order.

    Args:
        body: The whole body.
        limit: The largest body that is accepted, in bytes.

    Returns:
        Text packets as ``str``, type character included, and binary messages as ``bytes``.

    Raises:
        EngineViolation: The body is too large, or one of its packets can't be decoded. No packet of
            the body counts then.
    """
    _check_size(body, limit)
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise EngineViolation(
            f"a payload that is not UTF-8: byte 0x{body[error.start]:02x} at offset {error.start}"
        ) from None
    has_astral = not text.isascii() and _ASTRAL.search(text) is not None
    if has_astral:
        text = _ASTRAL.sub(_surrogates, text)
    packets: list[str | bytes] = []
    start = 0
    while start < len(text):
        colon = text.find(":", start, start + MAX_DIGITS + 1)
        digits = text[start:colon] if colon > 0 else ""
        if not (digits.isdecimal() and digits.isascii()):
            raise EngineViolation(
                f"packet {len(packets)} of a payload needs its length and a colon: "
                f"received {text[start : start + EXCERPT]!r}"
            )
        end = colon + 1 + int(digits)
        if end > len(text):
            raise EngineViolation(
                f"packet {len(packets)} of a payload is cut off: expected {digits} characters, "
                f"received {len(text) - colon - 1}"
            )
        packet = text[colon + 1 : end]
        packets.append(_decode(_joined(packet) if has_astral else packet, len(packets)))
        start = end
    return packets


def decode_binary_payload(body: bytes, *, limit: int) -> list[str | bytes]:
    """Decode the packets of a body in the binary form, in order. Otherwise as `decode_text_payload`."""
    _check_size(body, limit)
    packets: list[str | bytes] = []
    start = 0
    while start < len(body):
        index = len(packets)
        end_of_length = body.find(END_OF_LENGTH, start, start + MAX_DIGITS + 2)
        digits = body[start + 1 : end_of_length] if end_of_length > 0 else b""
        if body[start] > IS_BINARY or not digits or max(digits) > 9:
            raise EngineViolation(
                f"packet {index} of a binary payload needs 0 or 1, the digits of its length as bytes, "
                f"and 255: received {body[start : start + EXCERPT]!r}"
            )
        end = end_of_length + 1 + int("".join(map(str, digits)))
        packet = body[end_of_length + 1 : end]
        if end > len(body):
            raise EngineViolation(
                f"packet {index} of a binary payload is cut off: expected "
                f"{end - end_of_length - 1} bytes, received {len(packet)}"
            )
        if body[start] == IS_BINARY:
            packets.append(decode_binary_message(packet))
        else:
            try:
                packets.append(_decode(packet.decode(), index))
            except UnicodeDecodeError:
                raise EngineViolation(f"packet {index} of a binary payload is not UTF-8") from None
        start = end
    return packets


def decode_binary_message(packet: bytes) -> bytes:
    """Return the content of a binary packet, which begins with its type.

    Raises:
        EngineViolation: It is not a message.
    """
    if packet[:1] != bytes((MESSAGE_BYTE,)):
        raise EngineViolation(
            f"a binary packet must begin with byte 4, the type of a message: received {packet[:1]!r}"
        )
    return packet[1:]


def decode_base64(packet: str) -> bytes:
    """Return the content of a binary packet that is written as text: ``b4`` and base64.

    Raises:
        EngineViolation: It is something else.
    """
    if not packet.startswith("b4"):
        raise EngineViolation(f"a packet in base64 must begin with b4: received {packet[:EXCERPT]!r}")
    try:
        return binascii.a2b_base64(packet[2:], strict_mode=True)
    except ValueError as error:
        raise EngineViolation(
            f"a packet that is not base64 ({error}): received {packet[:EXCERPT]!r}"
        ) from None


def _decode(packet: str, index: int) -> str | bytes:
    kind = packet[:1]
    if kind in PACKET_TYPES:
        return packet
    if kind == BINARY_PREFIX:
        return decode_base64(packet)
    if not kind:
        raise EngineViolation(f"packet {index} of a payload is empty: it needs a type character")
    raise EngineViolation(f"packet {index} of a payload has the unknown type {kind!r}: expected 0 to 6, or b")


def _check_size(body: bytes, limit: int) -> None:
    if len(body) > limit:
        raise EngineViolation(f"a payload of {len(body)} bytes: at most {limit} are accepted")
    if not body:
        raise EngineViolation("an empty payload: it needs at least one packet")


def _surrogates(character: re.Match[str]) -> str:
    """Spell a character as JavaScript counts it."""
    code = ord(character[0]) - 0x10000
    return chr(0xD800 + (code >> 10)) + chr(0xDC00 + (code & 0x3FF))


def _joined(packet: str) -> str:
    """Undo `_surrogates`."""
    try:
        return packet.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        raise EngineViolation("a packet of a payload ends in the middle of a character") from None
