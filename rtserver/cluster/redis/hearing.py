"""Whether the messages of other servers arrive, and for how long they didn't."""

from __future__ import annotations

import logging

__all__ = ["Hearing"]

logger = logging.getLogger("rtserver.cluster")

NOTABLE = 1.0
"""Seconds that the first connection may take before it is worth a warning."""


class Hearing:
    """What a subscriber knows of itself. Times are those of the event loop, in seconds."""

    __slots__ = ("_doubted", "_is_begun", "_proven", "_total", "deaf_since", "lag", "since")

    def __init__(self) -> None:
        self._proven = 0.0
        self._doubted = False
        self._is_begun = False
        self._total = 0.0
        self.since = 0.0
        """Since when they arrive, while they do."""
        self.deaf_since: float | None = 0.0
        """Since when messages may have been missed; None while they arrive."""
        self.lag: float | None = None
        """How long the last heartbeat took to come back; None before the first."""

    @property
    def is_hearing(self) -> bool:
        """True while messages arrive."""
        return self.deaf_since is None

    def deaf_seconds(self, now: float) -> float:
        """Return for how long messages were missed in total, the present time included."""
        return self._total + (0 if self.deaf_since is None else now - self.deaf_since)

    def begin(self, now: float) -> None:
        """Take note that messages are to be heard from now on."""
        self.deaf_since = self._proven = now

    def prove(self, sent: float, now: float) -> None:
        """Take note that a heartbeat has come back."""
        self._proven, self.lag = sent, now - sent

    def doubt(self) -> None:
        """Take note that a heartbeat didn't come back: nothing is certain since the last one that did."""
        self._doubted = True

    def lose(self, now: float, reason: str) -> None:
        """Take note that the connection is lost."""
        if self.deaf_since is None:
            self.deaf_since = self._proven if self._doubted else now
        self._doubted = False
        logger.warning(
            "Redis: the connection for messages of other servers is lost: %s. What they send is missed until "
            "it is back; clients here still get what this server sends",
            reason,
        )

    def again(self, now: float) -> None:
        """Take note that messages arrive again, or for the first time."""
        assert self.deaf_since is not None
        missed = now - self.deaf_since
        if self._is_begun or missed > NOTABLE:
            logger.warning("Redis: messages of other servers arrive; for %.1f s they did not", missed)
        self._total += missed
        self.deaf_since, self._is_begun = None, True
        self.since = self._proven = now
