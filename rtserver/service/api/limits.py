"""How much of the API there may be."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ApiLimits"]


@dataclass(frozen=True, slots=True)
class ApiLimits:
    """What is limited.

    Args:
        body: Bytes of a request's body.
        running: Requests that are being read, done or waited for at a time.
    """

    body: int = 1_000_000
    running: int = 256
