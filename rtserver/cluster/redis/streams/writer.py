"""Commands that are carried out once, whatever happens to the connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from rtserver.cluster.redis.client import FAILURES
from rtserver.cluster.redis.ending import end
from rtserver.cluster.redis.link import Dial, Link
from rtserver.cluster.redis.publisher import OVERHEAD, PING, Publisher

__all__ = ["Doubts", "StreamWriter"]

logger = logging.getLogger("rtserver.cluster")

RETRY: Final = 0.1
"""Seconds between two attempts to ask Redis."""

ELSEWHERE: Final = ("MOVED ", "ASK ", "READONLY", "CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN", "LOADING")
"""How errors begin that say that Redis takes a command elsewhere, or later."""

Doubts = Callable[[Sequence[bytes]], Awaitable[Sequence[bytes]]]
"""Takes the commands that were under way when a connection was lost. Returns which weren't carried out."""


class StreamWriter(Publisher):
    """A publisher that finds out which of its commands were carried out, and sends the others again.

    Args:
        dial: Makes the connection.
        limit: Bytes of commands that are kept at most; the oldest are dropped, and counted.
        doubts: Finds that out, once there is a connection again. What is sent meanwhile waits.
    """

    __slots__ = ("_doubtful", "_doubts", "_task")

    def __init__(self, dial: Dial, limit: int, doubts: Doubts) -> None:
        super().__init__(dial, limit)
        self._doubts = doubts
        self._doubtful: list[bytes] = []
        self._task: asyncio.Task[None] | None = None

    async def close(self, patience: float) -> None:
        """Send what waits, for so many seconds, and end."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=patience)
            await end(self._task)
        self.unconfirmed += len(self._doubtful)
        await super().close(patience)

    def _closed(self, reason: str) -> None:
        pings = self._under_way.count(PING)
        self._doubtful += [each for each in self._under_way if each != PING]
        self._under_way.clear()
        self._under_way.extend([PING] * pings)
        super()._closed(reason)

    def _received(self, reply: Any) -> None:
        if isinstance(reply, Exception) and str(reply).startswith(ELSEWHERE) and self._line.link is not None:
            # Another connection may be one to the node that takes it.
            self._line.link.drop(f"Redis doesn't take it here: {reply}")
        else:
            super()._received(reply)

    def _opened(self, link: Link) -> None:
        if self._doubtful and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._resolve(), name="rtserver: what has Redis taken?")
        super()._opened(link)

    def _flush(self) -> None:
        if not self._doubtful:
            super()._flush()

    async def _resolve(self) -> None:
        while True:
            try:
                again = await self._doubts(self._doubtful)
            except FAILURES:
                await asyncio.sleep(RETRY)
            else:
                break
        logger.info("Redis: %d of %d messages are sent again", len(again), len(self._doubtful))
        self.size -= sum(len(each) + OVERHEAD for each in self._doubtful)
        self.size += sum(len(each) + OVERHEAD for each in again)
        self._waiting.extendleft(reversed(again))
        self._doubtful.clear()
        self._flush()
