"""One coarse clock per event loop: a timer wheel for heartbeats, time-outs and deadlines.

Ten thousand connections have ten thousand heartbeats. A heap of loop handles would sort and allocate
for each; the wheel puts a timer into the bucket of its tick with one dict insertion, takes it out
with one deletion, and wakes the loop once per tick, only while a timer is set. A timer fires at the
first tick at or after its deadline: never early, at most one ``RESOLUTION`` late.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

__all__ = ["RESOLUTION", "Clock", "Timer"]

logger = logging.getLogger("rtserver.clock")

RESOLUTION = 0.05
"""Seconds between two ticks."""


class Handle(Protocol):
    """What `Loop.call_at` returns."""

    def cancel(self) -> None:
        """Forget the call."""


class Loop(Protocol):
    """The two methods of an event loop that a clock needs."""

    def time(self) -> float:
        """Return monotonic seconds."""

    def call_at(self, when: float, callback: Callable[[], object], /) -> Handle:
        """Call `callback` when `time` has reached `when`."""


class Timer:
    """A callback that can be set, moved and cancelled any number of times.

    Args:
        clock: The clock that fires it.
        callback: Called without arguments from the event loop. What it raises is logged.
    """

    __slots__ = ("_tick", "callback", "clock")

    def __init__(self, clock: Clock, callback: Callable[[], object]) -> None:
        self.clock = clock
        self.callback = callback
        self._tick = 0

    def set(self, delay: float) -> None:
        """Fire `delay` seconds from now, instead of when it was set to fire before."""
        self.cancel()
        self._tick = self.clock._insert(self, delay)

    def cancel(self) -> None:
        """Don't fire. Harmless when the timer isn't set."""
        if self._tick:
            self.clock._remove(self, self._tick)
            self._tick = 0

    @property
    def is_set(self) -> bool:
        """True from `set` until the callback is called or `cancel`."""
        return self._tick != 0


class Clock:
    """The timer wheel of one event loop.

    Args:
        loop: The event loop, or anything with its `time` and `call_at`.
    """

    __slots__ = ("_buckets", "_handle", "_loop", "_next_tick", "_start")

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._start = loop.time()
        self._buckets: dict[int, dict[Timer, None]] = {}
        self._handle: Handle | None = None
        self._next_tick = 1

    def now(self) -> float:
        """Return the loop's monotonic time in seconds."""
        return self._loop.time()

    def __len__(self) -> int:
        """Return the number of timers that are set."""
        return sum(map(len, self._buckets.values()))

    def _insert(self, timer: Timer, delay: float) -> int:
        elapsed = self._loop.time() - self._start
        if self._handle is None:  # the wheel stood still: no tick was due
            self._next_tick = int(elapsed / RESOLUTION) + 1
            self._sleep()
        tick = max(int((elapsed + delay) / RESOLUTION) + 1, self._next_tick)
        bucket = self._buckets.get(tick)
        if bucket is None:
            self._buckets[tick] = {timer: None}
        else:
            bucket[timer] = None
        return tick

    def _remove(self, timer: Timer, tick: int) -> None:
        bucket = self._buckets.get(tick)
        if bucket is not None and bucket.pop(timer, self) is None and not bucket:
            del self._buckets[tick]

    def _sleep(self) -> None:
        self._handle = self._loop.call_at(self._start + self._next_tick * RESOLUTION, self._wake)

    def _wake(self) -> None:
        now_tick = int((self._loop.time() - self._start) / RESOLUTION + 1e-6)
        while self._next_tick <= now_tick:
            tick = self._next_tick
            self._next_tick += 1  # a timer set by a callback belongs to a later tick
            bucket = self._buckets.get(tick)
            while bucket:  # a callback may cancel its neighbours
                timer = next(iter(bucket))
                del bucket[timer]
                timer._tick = 0
                try:
                    timer.callback()
                except Exception:
                    logger.exception("a timer's callback failed: %r", timer.callback)
            self._buckets.pop(tick, None)
        if self._buckets:
            self._sleep()
        else:
            self._handle = None
