"""Reads a stream as it grows, and goes on where it was whenever the connection is lost."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from hiredis import PushNotification

from rtserver.causes import cause
from rtserver.cluster.redis.line import Line, LineOwner
from rtserver.cluster.redis.link import Dial, Link, pack_command
from rtserver.cluster.redis.streams.entries import Fields
from rtserver.cluster.redis.streams.offsets import START, StreamId, parse_id

__all__ = ["BLOCK", "COUNT", "StreamReader"]

logger = logging.getLogger("rtserver.cluster")

BLOCK: Final = 5.0
"""Seconds for which Redis waits for an entry, before it says that there is none."""
COUNT: Final = 500
"""Entries that are read at once."""
PATIENCE: Final = 5.0
"""Seconds that Redis has for an answer, beyond those for which it waits."""

Take = Callable[[StreamId, Fields], None]
"""Takes an entry. It raises nothing."""
Place = Callable[[StreamId], None]


class StreamReader(LineOwner):
    """Reads one stream, from the entry that is the last when it starts.

    Args:
        dial: Makes the connection.
        name: The stream.
        place: Told from which entry on it is read: at the start, and again where Redis has lost that entry.
        take: Takes each entry.
        block: Seconds for which Redis waits for an entry.
    """

    __slots__ = (
        "_block",
        "_expected",
        "_is_reading",
        "_last",
        "_name",
        "_place",
        "_refusals",
        "_take",
        "_timer",
        "gaps",
        "started",
    )

    def __init__(self, dial: Dial, name: str, place: Place, take: Take, block: float = BLOCK) -> None:
        super().__init__(
            Line(
                dial,
                f"the stream {name!r}",
                received=self._received,
                opened=self._opened,
                closed=self._closed,
            )
        )
        self._name = name
        self._place = place
        self._take = take
        self._block = block
        self._last: StreamId | None = None
        self._expected: deque[Callable[[Any], None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._is_reading = False
        self._refusals = 0
        self.gaps = 0
        """Times that entries were gone before they could be read."""
        self.started = asyncio.Event()
        """Set once it is known from where to read."""

    async def close(self) -> None:
        """End."""
        await self._line.close()

    # The connection.

    def _opened(self, link: Link) -> None:
        self._expected.clear()
        self._ask(link, self._newest, "XREVRANGE", self._name, "+", "-", "COUNT", 1)

    def _closed(self, reason: str) -> None:
        self._expected.clear()
        self._wait_no_more()
        if self._is_reading:
            self._is_reading = False
            logger.warning(
                "Redis: the connection for the stream %r is lost: %s. It is read on when it is back",
                self._name,
                reason,
            )

    def _ask(self, link: Link, answered: Callable[[Any], None], *command: str | int) -> None:
        self._expected.append(answered)
        link.write(pack_command(command))
        self._wait_no_more()
        self._timer = asyncio.get_running_loop().call_later(self._block + PATIENCE, self._give_up)

    def _wait_no_more(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        self._drop(f"nothing came back for {self._block + PATIENCE:g} s")

    def _drop(self, reason: str) -> None:
        if self._line.link is not None:
            self._line.link.drop(reason)

    def _received(self, reply: Any) -> None:
        if reply.__class__ is PushNotification or not self._expected:
            return
        answered = self._expected.popleft()
        if isinstance(reply, Exception):
            self._refused(reply)
        else:
            answered(reply)

    def _refused(self, error: Exception) -> None:
        self._refusals += 1
        if self._refusals & (self._refusals - 1) == 0:  # the first, the second, the fourth, ...
            logger.error(
                "Redis refuses to read the stream %r (attempts: %d): %s. What other servers send doesn't "
                "arrive until it does",
                self._name,
                self._refusals,
                cause(error),
            )
        self._drop(f"Redis refuses to read the stream: {error}")

    # From where.

    def _newest(self, reply: Any) -> None:
        newest = next((id for id, _ in _entries(reply)), START)
        link = self._line.link
        if link is None:
            return
        if self._last is None or newest < self._last:
            if self._last is not None:
                self._lost("Redis has lost the end of the stream, or all of it")
            self._last = newest
            self._place(newest)
            self.started.set()
            self._read(link)
        else:
            self._ask(link, self._oldest, "XRANGE", self._name, "-", "+", "COUNT", 1)

    def _oldest(self, reply: Any) -> None:
        oldest = next((id for id, _ in _entries(reply)), START)
        if self._last is not None and START < self._last < oldest:
            self._lost("the stream was trimmed before it was read, or Redis has lost its beginning")
        if self._line.link is not None:
            self._read(self._line.link)

    def _lost(self, why: str) -> None:
        self.gaps += 1
        logger.error("messages of other servers may be missing: %s (stream %r)", why, self._name)

    # Entries.

    def _read(self, link: Link) -> None:
        self._is_reading = True
        block, last = round(self._block * 1000), str(self._last)
        command = ("XREAD", "COUNT", COUNT, "BLOCK", block, "STREAMS", self._name, last)
        self._ask(link, self._entries, *command)

    def _entries(self, reply: Any) -> None:
        count = self._refusals = 0
        for id, fields in _entries(_of_stream(reply)):
            self._last = id
            count += 1
            self._take(id, fields)
        link = self._line.link
        if link is None:
            return
        if count == COUNT:  # it may grow, and be trimmed, faster than it is read
            self._ask(link, self._oldest, "XRANGE", self._name, "-", "+", "COUNT", 1)
        else:
            self._read(link)


def _of_stream(reply: Any) -> Any:
    """Return the entries of the one stream of a reply: a map in RESP3, an array of pairs before that."""
    if isinstance(reply, dict):
        return next(iter(reply.values()), ())
    return reply[0][1] if reply else ()


def _entries(reply: Any) -> Iterator[tuple[StreamId, Fields]]:
    for id, values in reply or ():
        found = parse_id(id.decode())
        assert found is not None
        yield found, _fields(values)


def _fields(values: Sequence[bytes] | None) -> Fields:
    """Return the fields of an entry; none for one that was deleted while it was read."""
    values = values or ()
    return dict(zip(values[::2], values[1::2], strict=False))
