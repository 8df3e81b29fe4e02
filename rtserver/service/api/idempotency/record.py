"""What is known of a request with an idempotency key, and where that is kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

__all__ = ["HOLD", "Bounds", "Outcome", "Record", "Store"]

HOLD: Final = 120.0
"""Seconds after which a request that has no answer yet counts as given up: its process has died."""


_HEAD: Final = re.compile(rb"([0-9a-f]+) ([0-9]{1,3}) ([0-9]{1,12})\n")


class Outcome(NamedTuple):
    """What a request was answered with."""

    status: int
    """The HTTP status."""
    body: bytes
    """The JSON."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept.

    Args:
        lifetime: Seconds for which an answer is kept.
        entries: Answers that are kept at most; the oldest goes first.
        size: Bytes that they may have together.
    """

    lifetime: float = 3600
    entries: int = 10_000
    size: int = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Record:
    """One request.

    Args:
        fingerprint: The hash of what was asked for, in hexadecimal.
        outcome: What it was answered with; None while it is being done.
    """

    fingerprint: str
    outcome: Outcome | None = None

    def to_bytes(self) -> bytes:
        """Return the same as it is kept."""
        status, body = self.outcome or (0, b"")
        return f"{self.fingerprint} {status} {len(body)}\n".encode() + body

    @classmethod
    def from_bytes(cls, data: bytes) -> Record | None:
        """Read what `to_bytes` has made; None of what was written by half."""
        found = _HEAD.match(data)
        if found is None:
            return None
        fingerprint, status, length = found[1].decode(), int(found[2]), int(found[3])
        body = data[found.end() :]
        if len(body) != length:
            return None
        return cls(fingerprint, Outcome(status, body) if status else None)


class Store(Protocol):
    """Where records are kept, by names that are hashes."""

    async def claim(self, name: str, record: Record) -> Record | None:
        """Put a record where there is none.

        Returns:
            None if that was done, else the record that is there.

        Raises:
            ApiError: The store can't be reached. Nothing was done.
        """

    async def keep(self, name: str, record: Record) -> None:
        """Replace a record that was claimed by the one with its outcome."""

    async def release(self, name: str) -> None:
        """Remove a record that was claimed: the request has changed nothing, and may come again."""

    async def close(self) -> None:
        """End."""
