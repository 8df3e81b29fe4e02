"""How long to wait before the next attempt to connect."""

from __future__ import annotations

import random
from typing import Final

__all__ = ["MOST", "Backoff"]

FIRST: Final = 0.05
"""Seconds of the first one."""
MOST: Final = 5.0
"""Seconds of the longest wait."""


class Backoff:
    """Seconds that double with each failure, up to five.

    Half of them are left to chance, so that the servers of a cluster don't all come back at once.
    """

    __slots__ = ("_next",)

    def __init__(self) -> None:
        self._next = FIRST

    def fail(self) -> float:
        """Take note of a failure. Returns the seconds to wait now."""
        seconds, self._next = self._next, min(self._next * 2, MOST)
        return seconds * random.uniform(0.5, 1)

    def reset(self) -> None:
        """Begin anew: an attempt was successful."""
        self._next = FIRST
