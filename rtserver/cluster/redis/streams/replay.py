"""Reads from a stream what one client has missed, up to where clients of this server are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from rtserver.cluster.redis.streams.entries import Fields, read
from rtserver.cluster.redis.streams.log import StreamLog
from rtserver.cluster.redis.streams.missed import Catch, Missed
from rtserver.cluster.redis.streams.offsets import Offset, StreamId
from rtserver.cluster.redis.streams.session import Move, Record
from rtserver.errors import ClusterViolation
from rtserver.server.namespace import Room

__all__ = ["Lost", "Replay", "Replayed", "Source"]

PAGE: Final = 500
"""Entries that are read at once."""
PAUSE: Final = 0.01
"""Seconds between the first two looks at what this server, or another one, is about to do. They double."""
MAX_PAUSE: Final = 0.5
"""Seconds between two looks at most."""


class Lost(Exception):
    """The client can't be sent everything that it has missed. The message says why."""


class Source(Protocol):
    """A stream, for those who read of it what is past."""

    log: StreamLog

    async def after(self, id: StreamId, count: int) -> list[tuple[StreamId, Fields]]:
        """Return the entries that follow on an id, so many at most.

        Raises:
            FAILURES: Redis can't be reached.
        """

    async def is_whole_after(self, id: StreamId) -> bool:
        """Tell whether nothing that followed on an id is gone.

        Raises:
            FAILURES: Redis can't be reached.
        """


class Replayed(NamedTuple):
    """What a client comes back to."""

    start: Offset
    """How far it had come."""
    missed: Sequence[Missed]
    rooms: tuple[Room, ...]
    moves: Sequence[Move]


class Replay:
    """Reads for one client. First `read`, as often as Redis fails, then `finish`.

    Args:
        source: The stream.
        record: What is known of the client.
        namespace: The namespace that it comes back to.
        claim: How far it has come, as it says; None if it has received nothing.
        limit: Bytes that what it has missed may have.

    Raises:
        Lost: It has to have received something, and hasn't; or too much is forgotten.
    """

    __slots__ = ("_at", "_catch", "_limit", "_log", "_seen", "_sent", "_source", "_start", "_whole")

    def __init__(
        self, source: Source, record: Record, namespace: str, claim: Offset | None, limit: int
    ) -> None:
        self._source = source
        self._log = source.log
        self._limit = limit
        self._start = _start(record, claim)
        if self._start.id < record.floor.id:
            raise Lost("it has changed rooms too often since")
        self._catch = Catch(record, namespace, self._start, is_claimed=self._start == claim)
        self._at = self._start.id
        self._seen = 0
        self._sent = source.log.sent
        self._whole = False

    async def read(self, max_entries: int) -> None:
        """Read at least as far as this server has come.

        Args:
            max_entries: Entries that may be read, those for others included.

        Raises:
            Lost: Something is gone, or it is too much, or the client was disconnected meanwhile.
            FAILURES: Redis can't be reached.
        """
        catch, log = self._catch, self._log
        pause = PAUSE
        while True:
            entries = await self._source.after(self._at, PAGE)
            for id, fields in entries:
                self._take(id, fields)
            self._seen += len(entries)
            if self._seen > max_entries or catch.size > 2 * self._limit:
                raise Lost("it has missed too much")
            if len(entries) == PAGE:
                continue
            if not self._whole:
                if not await self._source.is_whole_after(self._start.id):
                    raise Lost("what it has missed is not in the stream any more")
                self._whole = True
            # Elsewhere it may have come further than this server has read, or than that one has written; and
            # what was done to it here has to be in the stream first.
            is_behind = log.position < catch.known or log.read_back < self._sent
            if is_behind or catch.owes not in (None, log.uid):
                await asyncio.sleep(pause)
                pause = min(pause * 2, MAX_PAUSE)
            elif log.position <= self._at:
                return

    def _take(self, id: StreamId, fields: Fields) -> None:
        self._at = id
        try:
            self._catch.take(id, read(fields))
        except ClusterViolation:
            return  # nobody who was there has been sent it either
        if self._catch.is_turned_out:
            raise Lost("it was disconnected")
        if self._catch.is_broken:
            raise Lost("a server's entries are missing in the stream")

    def finish(self) -> Replayed:
        """Return what the client has missed of what clients of this server have been sent.

        Raises:
            Lost: That is not known any more.
        """
        catch, log = self._catch, self._log
        if log.forgotten:
            raise Lost("Redis was away for too long")
        missed = [each for id, each in catch.missed if id <= log.position]
        catch.missed.clear()
        for entry in log.early:
            assert entry.seq is not None
            catch.take_early(entry, Offset(log.position, entry.seq, log.uid))
        missed += [each for _, each in catch.missed]
        return Replayed(self._start, missed, catch.rooms, catch.moves)


def _start(record: Record, claim: Offset | None) -> Offset:
    """Return how far a client has come, at least."""
    if claim is None:
        if not record.is_ours:
            raise Lost("a server of Node's doesn't know what a client has received that knows no offset")
        return record.begin
    if not record.is_ours or claim.id > record.begin.id:
        return claim
    if claim.id == record.begin.id and (claim.uid, claim.seq) > (record.begin.uid, record.begin.seq):
        return claim
    return record.begin
