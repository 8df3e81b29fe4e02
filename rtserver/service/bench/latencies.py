"""How long things took: counted exactly enough, in bounded memory, and added up from several processes."""

from __future__ import annotations

from collections import Counter
from typing import Final

__all__ = ["Latencies"]

_DIGITS: Final = 1000
"""A duration is kept to three digits: microseconds below this are kept as they are."""


class Latencies:
    """Durations, each kept to within 1 %."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        """How often each duration was seen, in microseconds with three digits that count."""
        self.count = 0
        """How many there are."""
        self.longest = 0.0
        """The longest, in seconds."""

    def record(self, seconds: float) -> None:
        """Take one."""
        value = int(seconds * 1e6)
        scale = 1
        while value >= _DIGITS * scale:
            scale *= 10
        self._counts[value // scale * scale] += 1
        self.count += 1
        self.longest = max(self.longest, seconds)

    def add(self, other: Latencies) -> None:
        """Take those that were recorded elsewhere."""
        self._counts.update(other._counts)
        self.count += other.count
        self.longest = max(self.longest, other.longest)

    def percentile(self, percent: float) -> float:
        """Return the duration, in seconds, that so many percent didn't exceed; 0 if there are none."""
        wanted = self.count * percent / 100
        seen = 0
        for value in sorted(self._counts):
            seen += self._counts[value]
            if seen >= wanted:
                return min(value / 1e6, self.longest)
        return 0.0
