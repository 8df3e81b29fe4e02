"""How many events a client may send to a declared namespace, where that is limited: a token bucket each."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Allowance", "EventRate"]


@dataclass(frozen=True, slots=True)
class EventRate:
    """What one client may send.

    Args:
        per_second: Events, on average.
        burst: How many of them may come at once.
    """

    per_second: float
    burst: int


class Allowance:
    """What one client may send now. Time is passed in, in seconds.

    Args:
        rate: What it may send.
        now: When it begins, with a whole burst.
    """

    __slots__ = ("_left", "_rate", "_since")

    def __init__(self, rate: EventRate, now: float) -> None:
        self._rate = rate
        self._left: float = rate.burst
        self._since = now

    def spend(self, now: float) -> float:
        """Take note of an event. Returns 0 if it may be sent, else the seconds until one may, rounded up."""
        rate = self._rate
        self._left = min(rate.burst, self._left + (now - self._since) * rate.per_second)
        self._since = now
        if self._left < 1:
            return math.ceil((1 - self._left) / rate.per_second * 100) / 100
        self._left -= 1
        return 0.0
