"""A data message of which not everything has come: fragments, and frames cut by the network.

Bytes are unmasked, inflated and checked as they come, each once, and put behind one another in one
`bytearray`; its size never exceeds the limit. A message that arrives whole in one frame and one chunk
doesn't come here unless it is compressed.
"""

from __future__ import annotations

from rtserver.errors import WebSocketViolation
from rtserver.websocket.deflate import Inflater, compressed_limit
from rtserver.websocket.frames import CloseCode
from rtserver.websocket.masking import apply_mask
from rtserver.websocket.utf8 import check_utf8, truncated_utf8

__all__ = ["IncomingMessage", "too_big"]


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
        "_buffer",
        "_declared",
        "_inflater",
        "_limit",
        "_mask",
        "_unfinished",
        "is_final",
        "is_text",
        "missing",
    )

    def __init__(self, is_text: bool, inflater: Inflater | None, limit: int) -> None:
        self.is_text = is_text
        self.is_final = False
        """The current frame is the last of the message."""
        self.missing = 0
        """Bytes of the current frame's payload that haven't come."""
        self._inflater = inflater
        self._limit = limit
        self._declared = 0
        self._mask = b""
        self._unfinished = b""
        self._buffer = bytearray()

    @property
    def size(self) -> int:
        """Bytes of the message that are held."""
        return len(self._buffer) + len(self._unfinished)

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
        if self.missing and size & 3:  # the mask goes on where this chunk ends
            turn = size & 3
            self._mask = self._mask[turn:] + self._mask[:turn]
        if self._inflater is not None:
            payload = self._inflater.inflate(payload, self._limit - len(self._buffer))
        if self.is_text:
            self._unfinished = check_utf8(self._unfinished, payload)
        self._buffer += payload

    def finish(self) -> str | bytes:
        """Return the message, after the last byte of its final frame.

        Raises:
            WebSocketViolation: 1007, the text ends within a character, or compressed data within a block.
        """
        if self._inflater is not None and self._declared:
            self._inflater.finish()
        if not self.is_text:
            return bytes(self._buffer)
        if self._unfinished:
            raise truncated_utf8(self._unfinished)
        return self._buffer.decode()
