"""One write per connection and turn of the event loop, however many packets it is sent."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

__all__ = ["Flushable", "WriteTurn"]

logger = logging.getLogger("rtserver.transport")


class Flushable(Protocol):
    """What has something to write at the end of the turn."""

    pending: bytes | list[bytes] | None
    """A single `bytes` is all there is, and `transport` takes it."""
    transport: asyncio.Transport | None

    def flush(self) -> None:
        """Write it. A no-op when that has happened meanwhile."""


class WriteTurn:
    """The connections of one server that were sent something since the loop's last turn.

    A connection adds itself once, when it is sent the first packet of a turn: it calls `wake` if
    `dirty` is empty, then appends itself.

    Args:
        loop: The event loop.
    """

    __slots__ = ("_loop", "dirty")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.dirty: list[Flushable] = []

    def wake(self) -> None:
        """Flush all of `dirty` on the loop's next turn."""
        self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Let every dirty connection write."""
        dirty = self.dirty
        self.dirty = []
        for connection in dirty:
            try:
                pending = connection.pending
                if pending.__class__ is bytes:  # a broadcast's frame, the same for thousands
                    connection.pending = None
                    connection.transport.write(pending)  # type: ignore[union-attr]
                else:
                    connection.flush()
            except Exception:
                logger.exception("a write failed: %r", connection)
