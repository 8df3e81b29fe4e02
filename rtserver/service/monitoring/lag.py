"""How late the event loop is: what every client waits for, whatever keeps the loop busy."""

from __future__ import annotations

import asyncio
from typing import Final

from rtserver.service.monitoring.histogram import Histogram

__all__ = ["LoopLag"]

INTERVAL: Final = 0.25
"""Seconds between two measurements."""
BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Upper bounds of the histogram's buckets, in seconds."""


class LoopLag:
    """Sets a timer again and again, and looks how late it fires.

    Args:
        loop: The event loop.
    """

    __slots__ = ("_due", "_handle", "_loop", "histogram")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due = 0.0
        self._handle: asyncio.TimerHandle | None = None
        self.histogram = Histogram(BOUNDS)
        """The measurements."""

    def start(self) -> None:
        """Begin to measure."""
        self._due = self._loop.time() + INTERVAL
        self._handle = self._loop.call_at(self._due, self._fire)

    def stop(self) -> None:
        """Measure no more."""
        if self._handle is not None:
            self._handle.cancel()

    def _fire(self) -> None:
        self.histogram.observe(max(self._loop.time() - self._due, 0.0))
        self.start()
