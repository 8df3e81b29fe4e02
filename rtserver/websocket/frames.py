"""Frames as a server writes them (RFC 6455, 5.2): final, unmasked, header and payload in one `bytes`.

A frame is a plain `bytes` that can be written to any number of clients. The headers of payloads
shorter than 126 bytes, which nearly all of them are, stand ready in a table.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct
from typing import Final

__all__ = [
    "MAX_CONTROL_PAYLOAD",
    "MAX_REASON",
    "CloseCode",
    "Opcode",
    "encode",
    "encode_binary",
    "encode_close",
    "encode_text",
    "is_valid_close_code",
]

MAX_CONTROL_PAYLOAD: Final = 125
"""Bytes that a control frame may carry (RFC 6455, 5.5)."""

MAX_REASON: Final = MAX_CONTROL_PAYLOAD - 2
"""Bytes of UTF-8 that fit behind the code of a close frame."""


class Opcode(IntEnum):
    """What a frame is (RFC 6455, 11.8)."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


class CloseCode(IntEnum):
    """Why a connection was closed (RFC 6455, 7.4.1 and the IANA registry that it opens)."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    NO_STATUS = 1005  # never on the wire: the close frame had no code
    ABNORMAL = 1006  # never on the wire: there was no close frame
    INVALID_DATA = 1007
    POLICY_VIOLATION = 1008
    MESSAGE_TOO_BIG = 1009
    MANDATORY_EXTENSION = 1010
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    BAD_GATEWAY = 1014
    TLS_HANDSHAKE = 1015  # never on the wire: TLS failed


_FIN: Final = 0x80
_RSV1: Final = 0x40
_HEADER_16: Final = Struct(">BBH").pack
_HEADER_64: Final = Struct(">BBQ").pack
_CODE: Final = Struct(">H").pack

_TEXT_HEADERS: Final = tuple(bytes((_FIN | Opcode.TEXT, size)) for size in range(126))
_BINARY_HEADERS: Final = tuple(bytes((_FIN | Opcode.BINARY, size)) for size in range(126))


def encode(opcode: int, payload: bytes, *, rsv1: bool = False) -> bytes:
    """Return one final, unmasked frame.

    Args:
        opcode: An `Opcode`.
        payload: The bytes after the header; at most 125 for a control frame.
        rsv1: Set the bit that marks a compressed message (RFC 7692, 6).

    Raises:
        ValueError: The payload is too long for a control frame.
    """
    size = len(payload)
    first = _FIN | _RSV1 | opcode if rsv1 else _FIN | opcode
    if size < 126:
        return bytes((first, size)) + payload
    if opcode >= Opcode.CLOSE:
        raise ValueError(f"a control frame carries at most {MAX_CONTROL_PAYLOAD} bytes, not {size}")
    if size < 65536:
        return _HEADER_16(first, 126, size) + payload
    return _HEADER_64(first, 127, size) + payload


def encode_text(payload: bytes) -> bytes:
    """Return one final, unmasked text frame; `payload` is UTF-8."""
    size = len(payload)
    if size < 126:
        return _TEXT_HEADERS[size] + payload
    if size < 65536:
        return _HEADER_16(0x81, 126, size) + payload
    return _HEADER_64(0x81, 127, size) + payload


def encode_binary(payload: bytes) -> bytes:
    """Return one final, unmasked binary frame."""
    size = len(payload)
    if size < 126:
        return _BINARY_HEADERS[size] + payload
    if size < 65536:
        return _HEADER_16(0x82, 126, size) + payload
    return _HEADER_64(0x82, 127, size) + payload


def encode_close(code: int, reason: str = "") -> bytes:
    """Return a close frame (RFC 6455, 5.5.1).

    Raises:
        ValueError: The code isn't one that may be sent, or the reason is longer than 123 bytes of UTF-8.
    """
    if not is_valid_close_code(code):
        raise ValueError(f"{code} is no close code to send: use 1000 to 1003, 1007 to 1014 or 3000 to 4999")
    text = reason.encode()
    if len(text) > MAX_REASON:
        raise ValueError(f"a close reason has at most {MAX_REASON} bytes of UTF-8, not {len(text)}")
    return encode(Opcode.CLOSE, _CODE(code) + text)


def is_valid_close_code(code: int) -> bool:
    """Tell whether a close frame may carry `code` (RFC 6455, 7.4).

    1005, 1006 and 1015 stand for the absence of a close frame, 1004 has no meaning, 1016 to 2999 are
    for future revisions of the protocol; 3000 to 3999 are registered, 4000 to 4999 private.
    """
    return 3000 <= code <= 4999 or 1007 <= code <= 1014 or 1000 <= code <= 1003
