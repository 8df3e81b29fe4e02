"""A data message of which not everything has come: fragments, and frames cut by the network.

Bytes are unmasked, inflated and checked as they come, each once, and joined once at the end. Their sum
never exceeds the limit, and small parts are put together, so that a client which sends byte by byte
doesn't make us hold an object for each. A message that arrives whole in one frame and one chunk comes
here only when it is compressed.
"""

from __future__ import annotations

from typing import Final

from rtserver.errors import WebSocketViolation
from rtserver.websocket.deflate import Inflater, compressed_limit
from rtserver.websocket.frames import CloseCode
from rtserver.websocket.masking import apply_mask
from rtserver.websocket.utf8 import check_utf8, truncated_utf8

__all__ = ["IncomingMessage", "too_big"]

_PART: Final = 1024
"""Parts shorter than this are put together."""


def too_big(size: int, limit: int) -> WebSocketViolation:
    """Return the violation of a message of `size` bytes where `limit` are taken."""
    return WebSocketViolation(
        CloseCode.MESSAGE_TOO_BIG, f"a message of at least {size} bytes is over the limit of {limit}"
    )


class IncomingMessage:
    """The part of a message that is here, and what its current frame still owes.

    Args:
        is_text: Check the payload as UTF-8 and return a `str`.
        inflater: Inflates the payload, when the message is compressed.
        limit: The largest message in bytes, before and after inflating.
    """

    __slots__ = (
        "_declared",
        "_inflater",
        "_is_text",
        "_limit",
        "_mask",
        "_parts",
        "_unfinished",
        "is_final",
        "missing",
        "size",
    )

    def __init__(self, is_text: bool, inflater: Inflater | None, limit: int) -> None:
        self._is_text = is_text
        self.is_final = False
        """The current frame is the last of the message."""
        self.missing = 0
        """Bytes of the current frame's payload that haven't come."""
        self.size = 0
        """Bytes of the message that are held."""
        self._inflater = inflater
        self._limit = limit
        self._declared = 0
        self._mask = b""
        self._unfinished = b""
        self._parts: list[bytes] = []

    def begin_frame(self, size: int, mask: bytes, is_final: bool) -> None:
        """Begin a frame of `size` bytes of payload.

        Raises:
            WebSocketViolation: 1009, the frames declared so far are over the limit together.
        """
        self._declared += size
        limit = self._limit if self._inflater is None else compressed_limit(self._limit)
        if self._declared > limit:
            raise too_big(self._declared, self._limit)
        self.missing = size
        self._mask = mask
        self.is_final = is_final

    def feed(self, masked: bytes) -> None:
        """Take the next bytes of the current frame, at most `missing`.

        Raises:
            WebSocketViolation: 1007 for text that can't become UTF-8 or data that can't be inflated, 1009
                for data that inflates to more than the limit.
        """
        size = len(masked)
        self.missing -= size
        payload = apply_mask(masked, self._mask)
        if self.missing and (turn := size & 3):  # the mask goes on where this chunk ends
            self._mask = self._mask[turn:] + self._mask[:turn]
        if self._inflater is not None:
            payload = self._inflater.inflate(payload, self._limit - self.size)
        if self._is_text and (self._unfinished or not payload.isascii()):
            self._unfinished = check_utf8(self._unfinished, payload)
        self.size += len(payload)
        parts = self._parts
        if parts and len(parts[-1]) < _PART:
            parts[-1] += payload
        else:
            parts.append(payload)

    def finish(self) -> str | bytes:
        """Return the message, after the last byte of its final frame.

        Raises:
            WebSocketViolation: 1007, the text ends within a character, or compressed data within a block.
        """
        if self._inflater is not None and self._declared:
            self._inflater.finish()
        parts = self._parts
        payload = parts[0] if len(parts) == 1 else b"".join(parts)
        if not self._is_text:
            return payload
        if self._unfinished:
            raise truncated_utf8(self._unfinished)
        return payload.decode()
