"""Commands on their way to Redis: in order, many in one round trip, and kept while Redis is away."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

from hiredis import PushNotification

from rtserver.cluster.redis.ending import end
from rtserver.cluster.redis.forms import Command
from rtserver.cluster.redis.line import Line, LineOwner
from rtserver.cluster.redis.link import Dial, Link, pack_command

__all__ = ["LIMIT", "OVERHEAD", "PING", "BeforeResuming", "Publisher", "Refused"]

logger = logging.getLogger("rtserver.cluster")

LIMIT: Final = 16 * 1024 * 1024
"""Bytes of commands that may wait for Redis unless the application says otherwise."""
CHUNK: Final = 64 * 1024
"""Bytes that are written at once, about, so that what Redis doesn't take stays here."""
OVERHEAD: Final = 64
"""Bytes that a command takes here beside its own."""
HOLD: Final = 5.0
"""Seconds for which commands are held at most until others are back, too."""
PATIENCE: Final = 5.0
"""Seconds in which Redis must have answered something."""
PING: Final = pack_command(("PING",))
"""What is sent where nothing else is, so that there is an answer."""

Refused = Callable[[bytes, Exception], None]
"""Takes a command, as it was sent, that Redis has refused, and the error."""
BeforeResuming = Callable[[], Coroutine[Any, Any, None]]
"""Returns when the others are back."""


class Publisher(LineOwner):
    """Sends commands whose replies nobody waits for, over a connection of its own.

    What is sent in one turn of the event loop leaves in one write. A command that was written when the
    connection is lost may have been carried out or not: it is counted, and not sent again.

    Args:
        dial: Makes the connection.
        limit: Bytes of commands that are kept at most; the oldest are dropped, and counted.
        refused: Takes commands that Redis has refused; they are logged if omitted.
        patience: Seconds in which something must come back; otherwise the connection is made again.
    """

    __slots__ = (
        "_check",
        "_hold",
        "_idle",
        "_is_scheduled",
        "_limit",
        "_patience",
        "_refused",
        "_replies",
        "_under_way",
        "_waiting",
        "_was_lost",
        "before_resuming",
        "dropped",
        "refusals",
        "size",
        "unconfirmed",
    )

    def __init__(
        self, dial: Dial, limit: int = LIMIT, refused: Refused | None = None, patience: float = PATIENCE
    ) -> None:
        self._limit = limit
        self._patience = patience
        self._refused = refused or self._log_refusal
        super().__init__(
            Line(
                dial,
                "publishing",
                received=self._received,
                opened=self._opened,
                closed=self._closed,
                writable=self._flush,
            )
        )
        self._waiting: deque[bytes] = deque()
        self._under_way: deque[bytes] = deque()
        self._is_scheduled = False
        self._check: asyncio.TimerHandle | None = None
        self._replies = 0
        self._was_lost = False
        self._idle: asyncio.Future[None] | None = None
        self._hold: asyncio.Task[None] | None = None
        self.before_resuming: BeforeResuming | None = None
        """What is waited for, a limited time, before anything is sent on a connection that was made again:
        the others may have lost theirs at the same time."""
        self.size = 0
        """Bytes of commands that Redis hasn't answered."""
        self.dropped = 0
        """Commands that were dropped because more waited than is kept."""
        self.unconfirmed = 0
        """Commands that were under way when a connection was lost: they may have been carried out, or not."""
        self.refusals = 0
        """Commands that Redis has refused."""

    async def start(self) -> None:
        """Connect; see `Line.start`.

        Raises:
            StartError: Redis refuses what the URL says.
        """
        await super().start()
        self._was_lost = not self.is_connected

    def send(self, command: Command) -> None:
        """Send a command, after those before it."""
        self.send_packed(pack_command(command))

    def send_packed(self, packed: bytes) -> None:
        """Send a command in the form of Redis' protocol."""
        self._waiting.append(packed)
        self.size += len(packed) + OVERHEAD
        if self.size > self._limit:
            self._drop_oldest()
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._turn)

    def take_waiting(self) -> list[bytes]:
        """Take out what hasn't been written."""
        waiting = list(self._waiting)
        self._waiting.clear()
        self.size -= sum(map(len, waiting)) + OVERHEAD * len(waiting)
        return waiting

    async def close(self, patience: float) -> None:
        """Send what waits, for so many seconds, and end."""
        if self.is_connected and self.size:
            self._idle = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._idle], timeout=patience)
        await self._line.close()
        await end(self._hold)
        if self._check is not None:
            self._check.cancel()
            self._check = None
        self.unconfirmed += len(self._under_way) - self._under_way.count(PING)
        self.dropped += len(self._waiting)
        if self._under_way or self._waiting:
            logger.error(
                "%d messages for other servers were not sent to Redis before the end, %d not confirmed",
                len(self._waiting),
                len(self._under_way),
            )
        self._under_way.clear()
        self._waiting.clear()
        self.size = 0

    def _drop_oldest(self) -> None:
        while self.size > self._limit and self._waiting:
            self.size -= len(self._waiting.popleft()) + OVERHEAD
            self.dropped += 1
            if self.dropped & (self.dropped - 1) == 0:  # the first, the second, the fourth, ...
                logger.error(
                    "Redis doesn't take what is published: %d messages for other servers were dropped so "
                    "far, as more than %d bytes wait",
                    self.dropped,
                    self._limit,
                )

    def _turn(self) -> None:
        self._is_scheduled = False
        self._flush()

    def _flush(self) -> None:
        if self._hold is not None:
            return
        link, waiting, under_way = self._line.link, self._waiting, self._under_way
        while waiting and link is not None and not link.is_congested:
            size, chunk = 0, []
            while waiting and size < CHUNK:
                packed = waiting.popleft()
                chunk.append(packed)
                size += len(packed)
            under_way.extend(chunk)
            link.write(b"".join(chunk))

    # What comes back.

    def _opened(self, link: Link) -> None:
        self._watch_later(link)
        if self._was_lost and self._hold is None and self.before_resuming is not None:
            self._hold = asyncio.create_task(self._wait(self.before_resuming()))
        self._flush()

    async def _wait(self, others: Coroutine[Any, Any, None]) -> None:
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(HOLD):
                    await others
        finally:
            self._hold = None
        self._flush()

    def _received(self, reply: Any) -> None:
        if reply.__class__ is PushNotification:  # nothing that was asked for
            return
        self._replies += 1
        packed = self._under_way.popleft()
        self.size -= len(packed) + OVERHEAD
        if isinstance(reply, Exception):
            self.refusals += 1
            self._refused(packed, reply)
        if self._idle is not None and not self.size and not self._idle.done():
            self._idle.set_result(None)

    def _closed(self, reason: str) -> None:
        self._was_lost = True
        self.size -= sum(map(len, self._under_way)) + OVERHEAD * len(self._under_way)
        lost = len(self._under_way) - self._under_way.count(PING)
        self._under_way.clear()
        self.unconfirmed += lost
        logger.warning(
            "Redis: the connection for publishing is lost: %s. %d messages for other servers were under way "
            "and may be lost; %d wait until it is back",
            reason,
            lost,
            len(self._waiting),
        )

    def _log_refusal(self, packed: bytes, error: Exception) -> None:
        if self.refusals & (self.refusals - 1) == 0:
            logger.error("Redis has refused a message for other servers, %d so far: %s", self.refusals, error)

    def _watch(self, link: Link, replies: int) -> None:
        """See to it that something comes back: from a dead connection nothing does."""
        self._check = None
        if link is not self._line.link:
            return
        if self._under_way and self._replies == replies:
            link.drop(f"nothing came back for {self._patience:g} s")
            return
        if not self._under_way:
            self._under_way.append(PING)
            self.size += len(PING) + OVERHEAD
            link.write(PING)
        self._watch_later(link)

    def _watch_later(self, link: Link) -> None:
        if self._check is not None:
            self._check.cancel()
        loop = asyncio.get_running_loop()
        self._check = loop.call_later(self._patience, self._watch, link, self._replies)
