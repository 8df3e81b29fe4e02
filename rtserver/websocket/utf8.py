"""UTF-8 checked while it arrives, so that the first wrong byte ends the connection (RFC 6455, 8.1)."""

from __future__ import annotations

from codecs import utf_8_decode

from rtserver.errors import WebSocketViolation
from rtserver.websocket.frames import CloseCode

__all__ = ["check_utf8", "invalid_utf8", "truncated_utf8"]


def check_utf8(unfinished: bytes, chunk: bytes) -> bytes:
    """Check the next chunk of a text.

    Args:
        unfinished: What the previous call returned; empty at the start of a text.
        chunk: The bytes that follow it.

    Returns:
        The at most three bytes at the end that begin a character which the next chunk has to complete.
        A text is whole when this is empty.

    Raises:
        WebSocketViolation: 1007, as soon as no continuation could make the text valid.
    """
    if unfinished:
        chunk = unfinished + chunk
    try:
        taken = utf_8_decode(chunk, "strict", False)[1]
    except UnicodeDecodeError as error:
        raise invalid_utf8(error) from None
    rest = chunk[taken:]
    if len(rest) == 2 and rest[0] == 0xED and rest[1] > 0x9F:  # Python would wait for the third byte
        raise WebSocketViolation(CloseCode.INVALID_DATA, "text is not UTF-8: it encodes a surrogate")
    return rest


def invalid_utf8(error: UnicodeDecodeError) -> WebSocketViolation:
    """Return the violation that an error of the decoder amounts to."""
    wrong = error.object[error.start]
    return WebSocketViolation(
        CloseCode.INVALID_DATA, f"text is not UTF-8: byte 0x{wrong:02x}, {error.reason}"
    )


def truncated_utf8(unfinished: bytes) -> WebSocketViolation:
    """Return the violation of a text that ends within a character."""
    return WebSocketViolation(
        CloseCode.INVALID_DATA, f"text is not UTF-8: it ends within a character, 0x{unfinished.hex()}"
    )
