"""Lets a backend alone for a while that doesn't answer, so that nobody waits for it in vain.

    closed ──failures in a row──> open ──time──> half open ──success──> closed
                                    ^                │
                                    └────failure─────┘

Half open, a single request is let through to see. What began under an earlier state doesn't count any more.
"""

from __future__ import annotations

from enum import Enum, auto

__all__ = ["Breaker", "State"]


class State(Enum):
    """What is done with requests."""

    CLOSED = auto()
    OPEN = auto()
    HALF_OPEN = auto()


class Breaker:
    """A circuit breaker. Time is passed in, in seconds of a clock that doesn't go back.

    Args:
        failures: Failures in a row that open it.
        open_time: Seconds for which it stays open.
    """

    __slots__ = ("_failures", "_limit", "_open_time", "_opened_at", "_round", "opened", "state")

    def __init__(self, failures: int, open_time: float) -> None:
        self._limit = failures
        self._open_time = open_time
        self._failures = 0
        self._opened_at = 0.0
        self._round = 0
        self.state = State.CLOSED
        self.opened = 0
        """How often it has opened."""

    def wait(self, now: float) -> float:
        """Return the seconds until a request may be made; 0 for at once."""
        if self.state is State.CLOSED:
            return 0.0
        if self.state is State.HALF_OPEN:
            return self._open_time  # at most: the outcome of the one under way isn't known yet
        return max(self._opened_at + self._open_time - now, 0.0)

    def begin(self, now: float) -> int | None:
        """Begin a request. Returns what its outcome is told with; None if none may be made now."""
        if self.wait(now) > 0:
            return None
        if self.state is State.OPEN:
            self._enter(State.HALF_OPEN)
        return self._round

    def succeeded(self, ticket: int) -> None:
        """Take note that a request was answered."""
        if ticket == self._round:
            self._failures = 0
            if self.state is State.HALF_OPEN:
                self._enter(State.CLOSED)

    def failed(self, ticket: int, now: float) -> None:
        """Take note that a request wasn't answered."""
        if ticket != self._round:
            return
        self._failures += 1
        if self.state is State.HALF_OPEN or self._failures >= self._limit:
            self.opened += self.state is State.CLOSED
            self._opened_at = now
            self._failures = 0
            self._enter(State.OPEN)

    def abandoned(self, ticket: int) -> None:
        """Take note that a request was given up, whatever would have come of it."""
        if ticket == self._round and self.state is State.HALF_OPEN:
            self._enter(State.OPEN)  # its time is up: the next request is the one to see

    def _enter(self, state: State) -> None:
        self.state = state
        self._round += 1
