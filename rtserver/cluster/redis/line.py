"""A connection to Redis that is made again whenever it is lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from redis.exceptions import AuthenticationError, ResponseError

from rtserver.causes import cause
from rtserver.cluster.redis.backoff import MOST, Backoff
from rtserver.cluster.redis.client import FAILURES
from rtserver.cluster.redis.ending import end
from rtserver.cluster.redis.link import Dial, Link, take_over
from rtserver.errors import StartError

__all__ = ["Line", "LineOwner"]

logger = logging.getLogger("rtserver.cluster")

PATIENCE: Final = 10.0
"""Seconds in which a connection is made, or given up."""
FAREWELL: Final = 1.0
"""Seconds in which a connection has ended that is given up."""
REFUSALS: Final = (AuthenticationError, ResponseError)
"""What no further attempt will change."""


class Line:
    """Keeps one link open. It is the owner of that link, and tells its own what it needs to know.

    Args:
        dial: Makes connections.
        purpose: What the connection is for, as log lines name it.
        received: Takes what Redis sends.
        opened: Called when there is a connection, a new one each time.
        closed: Called with the reason when it is lost.
        writable: Called when what waited has left.
    """

    __slots__ = (
        "_backoff",
        "_closed",
        "_dial",
        "_is_closing",
        "_lost",
        "_opened",
        "_purpose",
        "_since",
        "_task",
        "link",
        "received",
        "reconnects",
        "writable",
    )

    def __init__(
        self,
        dial: Dial,
        purpose: str,
        *,
        received: Callable[[Any], None],
        opened: Callable[[Link], None],
        closed: Callable[[str], None],
        writable: Callable[[], None] = lambda: None,
    ) -> None:
        self._dial = dial
        self._purpose = purpose
        self._opened = opened
        self._closed = closed
        self._backoff = Backoff()
        self._since = 0.0
        self._is_closing = False
        self._lost = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.received = received
        self.writable = writable
        self.link: Link | None = None
        """The connection; None while there is none."""
        self.reconnects = 0
        """How often it was made again."""

    async def start(self) -> None:
        """Connect. Where Redis can't be reached, the attempts go on without being waited for.

        Raises:
            StartError: Redis refuses what the URL says: the password, the user, the database.
        """
        try:
            await self._connect()
        except FAILURES as error:
            # redis-py wraps what a Unix socket's Redis refuses in another error.
            if isinstance(error, REFUSALS) or isinstance(error.__cause__, REFUSALS):
                raise StartError(
                    f"Redis refuses the connection for {self._purpose}: {cause(error)}. Check user, password "
                    "and database in the URL"
                ) from error
            logger.error(
                "Redis can't be reached for %s: %s. This server goes on by itself, and tries again; if this "
                "stays, check that the URL is right and Redis runs",
                self._purpose,
                cause(error),
            )
        self._task = asyncio.create_task(self._keep_open(), name=f"rtserver: Redis for {self._purpose}")

    async def close(self) -> None:
        """End the connection, and make no other. The owner isn't told of that."""
        self._is_closing = True
        await end(self._task)
        if self.link is not None:
            self._lost.clear()
            self.link.drop("this server leaves")
            with suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL):
                    await self._lost.wait()

    def lost(self, reason: str) -> None:
        """Take note that the connection has ended."""
        if asyncio.get_running_loop().time() - self._since > MOST:  # it was a good one
            self._backoff.reset()
        self.link = None
        self._lost.set()
        if not self._is_closing:
            self._closed(reason)

    async def _connect(self) -> None:
        async with asyncio.timeout(PATIENCE):
            connection = await self._dial()
        link = Link(self)
        try:
            take_over(connection, link)
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        self._lost.clear()
        self._since = asyncio.get_running_loop().time()
        self.link = link
        self._opened(link)

    async def _keep_open(self) -> None:
        if self.link is None:
            self._lost.set()
        failed = 0
        while not self._is_closing:  # redis-py may have swallowed a cancellation
            await self._lost.wait()
            await asyncio.sleep(self._backoff.fail())
            try:
                await self._connect()
            except FAILURES as error:
                failed += 1
                if failed & (failed - 1) == 0:  # the first, the second, the fourth, ...
                    logger.warning(
                        "Redis can't be reached for %s (failed attempts: %d): %s",
                        self._purpose,
                        failed,
                        cause(error),
                    )
            except Exception:  # without this task nothing would connect again
                logger.exception("the connection to Redis for %s could not be made", self._purpose)
                if self.link is not None:
                    self.link.drop("it could not be used")
            else:
                failed = 0
                self.reconnects += 1


class LineOwner:
    """The base of what sends or receives over a line of its own.

    Args:
        line: The line.
    """

    __slots__ = ("_line",)

    def __init__(self, line: Line) -> None:
        self._line = line

    @property
    def is_connected(self) -> bool:
        """True while there is a connection."""
        return self._line.link is not None

    @property
    def reconnects(self) -> int:
        """How often the connection was made again."""
        return self._line.reconnects

    async def start(self) -> None:
        """Connect; see `Line.start`.

        Raises:
            StartError: Redis refuses what the URL says.
        """
        await self._line.start()
