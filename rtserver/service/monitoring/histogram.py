"""Durations, counted by how long they are."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from rtserver.service.monitoring.families import Family, Sample

__all__ = ["Histogram"]


class Histogram:
    """Counts durations.

    Args:
        bounds: Upper bounds of the buckets, in seconds, in order.
    """

    __slots__ = ("bounds", "buckets", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.buckets = [0] * (len(self.bounds) + 1)
        """Durations up to each bound, and above the last; not cumulated."""
        self.total = 0.0
        """Seconds of all durations together."""

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.total += seconds
        self.buckets[bisect_left(self.bounds, seconds)] += 1

    def family(self, name: str, help: str) -> Family:
        """Return the metric.

        Args:
            name: Its name.
            help: One sentence.
        """
        counts = list(accumulate(self.buckets))
        labels = (*map(str, self.bounds), "+Inf")
        samples = [Sample("_bucket", {"le": le}, count) for le, count in zip(labels, counts, strict=True)]
        samples += [Sample("_count", {}, counts[-1]), Sample("_sum", {}, self.total)]
        return Family(name, "histogram", help, samples)
