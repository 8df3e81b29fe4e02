"""Connections for a process that is behind: they wait for room in its door, for a while."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque

from rtserver.transport.handover.passage import MAX_DATA, Passage
from rtserver.transport.handover.sender import Outcome, Sender

__all__ = ["WaitingSender"]

logger = logging.getLogger("rtserver.transport")

MAX_WAITING = 1024
"""Connections that may wait."""
MAX_BYTES = 8 * MAX_DATA
"""Bytes that were read from them."""
PATIENCE = 5.0
"""Seconds in which the process has to take one of them."""


class WaitingSender:
    """Gives connections to one process, in order, if need be later.

    Args:
        loop: The event loop.
        sender: The way to the process.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, sender: Sender) -> None:
        self._loop = loop
        self._sender = sender
        self._waiting: deque[tuple[int, Passage]] = deque()
        self._bytes = 0
        self._writer = -1
        """The descriptor that the loop watches while something waits."""
        self._limit: asyncio.TimerHandle | None = None

    def send(self, descriptor: int, passage: Passage) -> Outcome:
        """Send a connection now or later. Its descriptor stays the caller's, to close.

        Returns:
            SENT also when it waits. Should the process go meanwhile, or take nothing for too long, the
            connection ends.
        """
        if not self._waiting:
            outcome = self._sender.send(descriptor, passage)
            if outcome is not Outcome.FULL or self._sender.fileno() < 0:
                return outcome
        if len(self._waiting) >= MAX_WAITING or self._bytes + len(passage.data) > MAX_BYTES:
            return Outcome.FULL
        try:
            own = os.dup(descriptor)
        except OSError:
            return Outcome.FULL
        if not self._waiting:
            self._writer = self._sender.fileno()
            self._loop.add_writer(self._writer, self._go_on)
            self._limit = self._loop.call_later(PATIENCE, self._lose_patience)
        self._waiting.append((own, passage))
        self._bytes += len(passage.data)
        return Outcome.SENT

    def close(self) -> None:
        """End the connections that wait, and let go of the process."""
        for descriptor, _ in self._waiting:
            os.close(descriptor)
        self._waiting.clear()
        self._stop()
        self._sender.close()

    def _go_on(self) -> None:
        """The process has taken something."""
        while self._waiting:
            descriptor, passage = self._waiting[0]
            outcome = self._sender.send(descriptor, passage)
            if outcome is Outcome.FULL:
                break
            if outcome is Outcome.GONE:
                logger.warning(
                    "a process has gone: %d connections on their way to it end", len(self._waiting)
                )
                self.close()
                return
            os.close(descriptor)
            self._waiting.popleft()
            self._bytes -= len(passage.data)
        assert self._limit is not None
        self._limit.cancel()
        if self._waiting:
            self._limit = self._loop.call_later(PATIENCE, self._lose_patience)
        else:
            self._stop()

    def _lose_patience(self) -> None:
        logger.warning(
            "a process took no connection for %g seconds: %d on their way to it end",
            PATIENCE,
            len(self._waiting),
        )
        self.close()

    def _stop(self) -> None:
        self._bytes = 0
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
        if self._writer >= 0:
            self._loop.remove_writer(self._writer)
            self._writer = -1
