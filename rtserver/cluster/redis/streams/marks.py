"""How far clients had come at any time lately."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from rtserver.cluster.redis.streams.offsets import Offset

__all__ = ["Mark", "Marks"]


class Mark(NamedTuple):
    """Where everything was that had been sent at one time."""

    time: float
    """By the clock."""
    offset: Offset


class Marks:
    """The marks of one stream.

    Args:
        count: How many are kept.
    """

    __slots__ = ("_marks",)

    def __init__(self, count: int) -> None:
        self._marks: deque[Mark] = deque(maxlen=count)

    def add(self, time: float, offset: Offset) -> None:
        """Make a mark."""
        self._marks.append(Mark(time, offset))

    def before(self, time: float) -> Mark | None:
        """Return the last mark that was made before this time; None if none is kept."""
        return next((mark for mark in reversed(self._marks) if mark.time <= time), None)
