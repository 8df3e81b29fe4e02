"""The sessions of clients that are away, in Redis."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final, NamedTuple

from redis.exceptions import ConnectionError

from rtserver.cluster.redis.backoff import Backoff
from rtserver.cluster.redis.client import FAILURES, Client, answer
from rtserver.cluster.redis.ending import end

__all__ = ["PREFIX", "SessionKeeper"]

logger = logging.getLogger("rtserver.cluster")

PREFIX: Final = "sio:session:"
"""What the keys begin with, as those of redis-streams-adapter."""
MAX_PAUSE: Final = 0.5
"""Seconds between two attempts at most: clients wait for their sessions when Redis is back."""
BATCH: Final = 256
"""Sessions that are written in one round trip at most."""


class Pending(NamedTuple):
    """A session that isn't in Redis yet."""

    value: bytes
    end: float
    """Until when it is kept, by the event loop's time."""
    is_new: bool
    """False where it only replaces one that must still be there: it may have been taken meanwhile."""


class SessionKeeper:
    """Writes sessions, and takes them out.

    Args:
        client: Of redis-py.
        duration: Seconds for which a session is kept.
        limit: Sessions that wait at most while Redis is away; the oldest is given up.
    """

    def __init__(self, client: Client, duration: float, limit: int) -> None:
        self._client = client
        self._duration = duration
        self._limit = limit
        self._pending: dict[str, Pending] = {}
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0
        """Sessions that were given up, as too many waited for Redis."""
        self._settled = asyncio.Event()
        self._settled.set()

    def __len__(self) -> int:
        """Return how many sessions aren't in Redis yet."""
        return len(self._pending)

    def save(self, pid: str, value: bytes) -> None:
        """Keep a session from now on."""
        self._put(pid, value, True)

    def update(self, pid: str, value: bytes) -> None:
        """Replace a session that is kept, unless it has been taken out."""
        self._put(pid, value, pid in self._pending and self._pending[pid].is_new)

    def _put(self, pid: str, value: bytes, is_new: bool) -> None:
        before = self._pending.pop(pid, None)
        end = asyncio.get_running_loop().time() + self._duration if before is None else before.end
        self._pending[pid] = Pending(value, end, is_new)
        if len(self._pending) > self._limit:
            del self._pending[next(iter(self._pending))]
            self.dropped += 1
        if self._task is None:
            self._settled.clear()
            self._task = asyncio.create_task(self._write(), name="rtserver: keep sessions in Redis")

    async def peek(self, pid: str) -> bytes | None:
        """Return a session.

        Raises:
            FAILURES: Redis can't be reached.
        """
        await self.written(pid)
        value = await answer(self._client.get, f"{PREFIX}{pid}")
        return value if isinstance(value, bytes) else None

    async def take(self, pid: str) -> bytes | None:
        """Take a session out: whoever asks later doesn't find it.

        Raises:
            FAILURES: Redis can't be reached.
        """
        await self.written(pid)
        value = await answer(self._get_and_delete, f"{PREFIX}{pid}")
        return value if isinstance(value, bytes) else None

    async def _get_and_delete(self, key: str) -> Any:
        async with self._client.pipeline(transaction=True) as pipeline:  # GETDEL is Redis 6.2's
            pipeline.get(key)
            pipeline.delete(key)
            value, _ = await pipeline.execute()
        return value

    async def written(self, pid: str) -> None:
        """Return when a session isn't under way to Redis.

        Raises:
            FAILURES: It will not get there: this has been closed.
        """
        while pid in self._pending:
            if self._task is None or self._task.done():
                raise ConnectionError("the session isn't in Redis")
            await self._settled.wait()

    async def close(self, patience: float) -> None:
        """Write what waits, for so many seconds, and end."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=patience)
            await end(self._task)

    async def _write(self) -> None:
        backoff = Backoff()
        try:
            while self._pending:
                batch = dict(list(self._pending.items())[:BATCH])
                try:
                    await answer(self._write_batch, batch)
                except FAILURES as error:
                    logger.warning("%d sessions wait for Redis: %s", len(self._pending), error)
                    await asyncio.sleep(min(backoff.fail(), MAX_PAUSE))
                    continue
                backoff.reset()
                for pid, pending in batch.items():
                    if self._pending.get(pid) is pending:  # else there is a newer one
                        del self._pending[pid]
        finally:
            self._task = None
            self._settled.set()

    async def _write_batch(self, batch: dict[str, Pending]) -> None:
        now = asyncio.get_running_loop().time()
        async with self._client.pipeline(transaction=False) as pipeline:
            for pid, (value, end, is_new) in batch.items():
                left = round((end - now) * 1000)
                if left > 0:
                    pipeline.set(f"{PREFIX}{pid}", value, px=left, xx=not is_new)
            await pipeline.execute()
