"""Messages on a stream: four bytes of length, then the message."""

from __future__ import annotations

from typing import Final

from rtserver.errors import ClusterViolation

__all__ = ["FrameParser", "frame"]

_HEAD: Final = 4
"""Bytes of the length, the most significant first."""


def frame(body: bytes) -> bytes:
    """Put the length before a message."""
    return len(body).to_bytes(_HEAD, "big") + body


class FrameParser:
    """Takes the chunks of a stream, and returns the messages that each of them completes.

    Args:
        limit: The most bytes that a message may have.
    """

    __slots__ = ("_held", "_limit", "_missing")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: list[bytes] = []
        """What has come of a message that isn't complete."""
        self._missing = 0
        """Bytes without which nothing more can be read."""

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take a chunk.

        Raises:
            ClusterViolation: A message is longer than allowed. The stream can't be read any further.
        """
        held = self._held
        if held:
            held.append(chunk)
            self._missing -= len(chunk)
            if self._missing > 0:
                return []
            chunk = b"".join(held)
            held.clear()
        bodies: list[bytes] = []
        position, end = 0, len(chunk)
        while end - position >= _HEAD:
            begin = position + _HEAD
            length = int.from_bytes(chunk[position:begin], "big")
            if length > self._limit:
                raise ClusterViolation(f"a message of {length} bytes, expected {self._limit} at most")
            if begin + length > end:
                self._missing = begin + length - end
                break
            position = begin + length
            bodies.append(chunk[begin:position])
        else:
            self._missing = _HEAD - (end - position)
        if position < end:
            held.append(chunk[position:])
        return bodies
