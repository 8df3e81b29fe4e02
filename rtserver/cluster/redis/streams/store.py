"""Recovery in streams mode: events are in the stream, sessions beside it in Redis.

Any server can take a session up, one of Node's with the adapter included, and read what its client has
missed. What was done to clients that were away, taking them out of rooms or disconnecting them, is in the
stream, too.

An event that is gone from the stream matters only if the client may not have received it: it has received
what was sent before its last heartbeat was due.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import ClassVar, Final, TypeVar

from rtserver.clock import Clock, Timer
from rtserver.cluster.redis.client import FAILURES
from rtserver.cluster.redis.ending import end
from rtserver.cluster.redis.streams.keeper import SessionKeeper
from rtserver.cluster.redis.streams.log import PATIENCE as DELAY
from rtserver.cluster.redis.streams.marks import Marks
from rtserver.cluster.redis.streams.offsets import Offset, parse_offset
from rtserver.cluster.redis.streams.replay import Lost, Replay, Source
from rtserver.cluster.redis.streams.session import Record, StreamSession, decode, encode, record_of
from rtserver.cluster.redis.streams.summons import Summons
from rtserver.errors import ClusterViolation
from rtserver.ids import new_sid
from rtserver.server.counters import Counters
from rtserver.server.manager import LocalSink
from rtserver.server.namespace import Room
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.server.recovery.session import RecoverableSession
from rtserver.server.recovery.store import Occupants, Restored
from rtserver.server.target import Target

__all__ = ["StreamStore"]

logger = logging.getLogger("rtserver.cluster")

PATIENCE: Final = 10.0
"""Seconds in which a client is given its state back, or is a new one: Redis may be away that long."""
RETRY: Final = 0.1
"""Seconds between two attempts to reach Redis."""
MARKS: Final = 16
"""Marks in the time in which a lost connection is noticed."""
SEPARATOR: Final = "."
"""What the pids of our servers have, behind the id of the server that has made them."""
PID: Final = re.compile(r"[\w.-]{1,64}", re.ASCII)

Answer = TypeVar("Answer")


class StreamPositions:
    """What sessions ask of the stream that their namespace has.

    Args:
        source: The stream.
        received: Returns the time before which everything that was sent has been received.
    """

    __slots__ = ("_received", "marks", "source")

    def __init__(self, source: Source, received: Callable[[], float]) -> None:
        self._received = received
        self.source = source
        self.marks = Marks(2 * MARKS)

    def position(self) -> int:
        """Return the position of what was sent so far: clients here have been sent it when this returns."""
        self.source.log.settle()
        return self.source.log.marker.position

    def oldest(self) -> int:
        """Return a position up to which every client that was here has received everything."""
        mark = self.marks.before(self._received())
        return 0 if mark is None else mark.offset.position


class StreamStore:
    """Sessions in Redis, events in streams. It implements `rtserver.server.recovery.store.RecoveryStore`.

    Args:
        source: Returns the stream of a namespace.
        keeper: Keeps the sessions.
        summons: Gets them from servers that still have them.
        sink: Encodes events.
        options: For how long, and how much.
        unnoticed: Seconds until a lost connection is noticed, at the latest.
        clock: Returns the clock of the running loop.
        counters: Where it is counted who came back, and who didn't.
    """

    stamps: ClassVar[bool] = True

    def __init__(
        self,
        source: Callable[[str], Source],
        keeper: SessionKeeper,
        summons: Summons,
        sink: LocalSink,
        options: ConnectionStateRecovery,
        *,
        unnoticed: float,
        clock: Callable[[], Clock],
        counters: Counters,
    ) -> None:
        self._source = source
        self._keeper = keeper
        self._summons = summons
        self._sink = sink
        self._options = options
        self._unnoticed = unnoticed
        self._clock = clock
        self._counters = counters
        self._positions: dict[Source, StreamPositions] = {}
        self._timer: Timer | None = None
        self._tasks: set[asyncio.Future[None]] = set()

    def attach(self, occupants: Occupants) -> None:
        """Learn who has the sessions of those that are connected."""
        self._summons.occupants = occupants

    # Events.

    def offset(self, namespace: str) -> str:
        """Return the offset of the newest event."""
        return str(self._source(namespace).log.offset)

    def settle(self) -> None:
        """Deliver what was emitted so far."""
        for positions in self._positions.values():
            positions.source.log.settle()

    # Sessions.

    def open(self, namespace: str, sid: str) -> StreamSession:
        """Begin a session."""
        uid = self._source(namespace).log.uid
        return self._session(namespace, f"{uid}{SEPARATOR}{new_sid()}", sid, None)

    def save(self, session: RecoverableSession) -> None:
        """Keep the session of a client that is away."""
        assert isinstance(session, StreamSession)
        positions = self._positions_of(session.namespace)
        session.left_at = self._clock().now()
        if session.lost_at is None:
            session.lost_at = session.left_at
        mark = positions.marks.before(session.lost_at - self._unnoticed)
        # What it was sent when it came, it has received only if a heartbeat was due since.
        if mark is not None and mark.time >= session.opened_at and mark.offset.id > session.begin.id:
            session.begin = mark.offset
        session.left = positions.source.log.marker
        self._write(session, self._keeper.save, is_leaving=True)

    def update(self, session: RecoverableSession) -> None:
        """Keep what has changed of the session of a client that is away."""
        assert isinstance(session, StreamSession)
        if not session.ended:
            is_wanted = self._summons.frees(session.pid)
            self._write(session, self._keeper.save if is_wanted else self._keeper.update, is_leaving=False)

    def _write(
        self, session: StreamSession, write: Callable[[str, bytes], None], *, is_leaving: bool
    ) -> None:
        try:
            value = encode(record_of(session, is_leaving))
        except TypeError as error:
            logger.error(
                "the session of client %s can't be kept: %s. Its data must be JSON types, or bytes",
                session.sid,
                error,
            )
        else:
            write(session.pid, value)

    def discard(self, session: RecoverableSession) -> None:
        """Forget a session."""
        if session.ended:
            return
        session.ended = True
        if session.left_at is not None:
            task = asyncio.ensure_future(self._delete(session.pid))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _delete(self, pid: str) -> None:
        try:
            await self._keeper.take(pid)
        except FAILURES as error:
            logger.warning("the session of a client that must not come back is still in Redis: %s", error)

    def leave(self, target: Target, rooms: Sequence[Room]) -> None:
        """Do nothing: the stream tells who takes a session up."""

    def disconnect(self, target: Target) -> None:
        """Do nothing: the stream tells who takes a session up."""

    def clear(self) -> None:
        """End. Sessions stay in Redis: their clients may go to another server."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def close(self) -> None:
        """Delete nothing more."""
        await end(*self._tasks)

    def _session(self, namespace: str, pid: str, sid: str, earlier: Record | None) -> StreamSession:
        positions = self._positions_of(namespace)
        uid, now = positions.source.log.uid, self._clock().now()
        return StreamSession(pid, sid, namespace, positions, uid=uid, opened_at=now, earlier=earlier)

    def _positions_of(self, namespace: str) -> StreamPositions:
        source = self._source(namespace)
        positions = self._positions.get(source)
        if positions is None:
            positions = self._positions[source] = StreamPositions(source, self._received)
        if self._timer is None:
            self._timer = Timer(self._clock(), self._mark)
            self._timer.set(self._unnoticed / MARKS)
        return positions

    def _received(self) -> float:
        return self._clock().now() - self._unnoticed

    def _mark(self) -> None:
        assert self._timer is not None
        now = self._timer.clock.now()
        for positions in self._positions.values():
            positions.marks.add(now + DELAY, positions.source.log.marker)
        self._timer.set(self._unnoticed / MARKS)

    # A client is back.

    def restore(
        self, namespace: str, pid: str, offset: str | None, limit: int
    ) -> Awaitable[Restored | None] | None:
        """Take out the session of a client that is back, with what it has missed."""
        claim = None if offset is None else parse_offset(offset)
        if PID.fullmatch(pid) is None or (offset is not None and claim is None):
            self._counters.recoveries_unknown += 1
            return None
        return self._restore(namespace, pid, claim, limit)

    async def _restore(self, namespace: str, pid: str, claim: Offset | None, limit: int) -> Restored | None:
        record = None
        try:
            async with asyncio.timeout(PATIENCE):
                record = await self._take(namespace, pid)
                if record is None:
                    self._counters.recoveries_unknown += 1
                    return None
                replay = Replay(self._source(namespace), record, namespace, claim, limit)
                await self._reach(partial(replay.read, self._options.max_packets))
        except (Lost, TimeoutError) as error:
            logger.info(
                "a client can't be given its state back: %s", error or f"not within {PATIENCE:g} seconds"
            )
            if record is None:
                self._counters.recoveries_unknown += 1
            else:
                self._counters.recoveries_too_old += 1
            return None
        return self._restored(namespace, record, replay, limit)

    async def _take(self, namespace: str, pid: str) -> Record | None:
        """Take the session out, if it is this namespace's."""
        record = _record(await self._reach(partial(self._keeper.peek, pid)))
        while record is None or record.is_leaving:
            if SEPARATOR in pid:
                await self._summons.call(namespace, pid)
                record = _record(await self._reach(partial(self._keeper.peek, pid)))
            if record is not None or not self._summons.may_come():
                break
            await asyncio.sleep(RETRY)
            record = _record(await self._reach(partial(self._keeper.peek, pid)))
        if record is None or record.namespace not in (namespace, None):
            return None
        return _record(await self._reach(partial(self._keeper.take, pid)))

    async def _reach(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Ask Redis until it can be reached."""
        while True:
            try:
                return await ask()
            except FAILURES:
                await asyncio.sleep(RETRY)

    def _restored(self, namespace: str, record: Record, replay: Replay, limit: int) -> Restored | None:
        """Make the session. From here to its socket nothing is waited for."""
        session = self._session(namespace, record.pid, record.sid, record)
        try:
            replayed = replay.finish()
            missed = [
                self._sink.encode(target, args, str(offset)) for offset, target, args in replayed.missed
            ]
            if sum(map(len, missed)) > limit:
                raise Lost("it has missed more than may wait for it")
        except Lost as error:
            logger.info("a client can't be given its state back: %s", error)
            self._counters.recoveries_too_old += 1
            return None
        session.earlier = record._replace(moves=replayed.moves)
        session.begin = replayed.start
        session.rooms = replayed.rooms
        session.data = record.data
        return Restored(session, missed)


def _record(value: bytes | None) -> Record | None:
    try:
        return None if value is None else decode(value)
    except ClusterViolation as violation:
        logger.warning("Redis has %s", violation)
        return None
