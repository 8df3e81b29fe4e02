"""The recovery store of one process: what is kept is in its memory, and ends with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, Final

from rtserver.clock import Clock, Timer
from rtserver.engineio.outgoing import Outgoing
from rtserver.ids import new_sid
from rtserver.server.counters import Counters
from rtserver.server.namespace import Room
from rtserver.server.recovery.brought import Missed
from rtserver.server.recovery.log import EventLog, Source
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.server.recovery.rooms import AwaitedRooms
from rtserver.server.recovery.session import RecoverableSession, Whereabouts
from rtserver.server.recovery.store import Occupants, Restored
from rtserver.server.target import Target

__all__ = ["MemoryStore"]

SWEEPS: Final = 4
"""How many times in the duration of a recovery it is looked for what is over."""
MAX_DIGITS: Final = 16


class MemoryStore:
    """Sessions and events in memory. It implements `rtserver.server.recovery.store.RecoveryStore`.

    An event is kept for as long as a client may be away, and for the time before, in which the server
    didn't know yet that the connection was lost. What was sent earlier than that has been received: the
    client has answered a heartbeat since.

    Args:
        options: For how long, and how much.
        unnoticed: Seconds until a lost connection is noticed, at the latest.
        clock: Returns the clock of the running loop.
        counters: Where it is counted what was forgotten.
        prefix: What offsets begin with, so that they are those of no other server.
    """

    stamps: ClassVar[bool] = False

    __slots__ = (
        "_away",
        "_clock",
        "_counters",
        "_log",
        "_options",
        "_prefix",
        "_timer",
        "_unnoticed",
        "_users",
        "awaited",
    )

    def __init__(
        self,
        options: ConnectionStateRecovery,
        unnoticed: float,
        clock: Callable[[], Clock],
        counters: Counters,
        prefix: str = "",
    ) -> None:
        self._prefix = prefix
        self._options = options
        self._unnoticed = unnoticed
        self._clock = clock
        self._counters = counters
        self._log = EventLog(options.max_packets, options.max_bytes)
        self._away: dict[str, RecoverableSession] = {}
        """Clients that are away, by their pids, who left first at the front."""
        self._users: dict[str, int] = {}
        """How many sessions a namespace has, those of connected clients included."""
        self.awaited = AwaitedRooms()
        """The rooms of the clients that are away."""
        self._timer: Timer | None = None

    def attach(self, occupants: Occupants) -> None:
        """Do nothing: nobody else can ask for their sessions."""

    # Events.

    def position(self) -> int:
        """Return the position of the newest event."""
        return self._log.last

    def oldest(self) -> int:
        """Return the position of the oldest event that is kept; the next one while there is none."""
        return self._log.first

    def offset(self, namespace: str) -> str:
        """Return the offset of the newest event."""
        return self._offset_of(self._log.last)

    def next_offset(self) -> str:
        """Return the offset that the next event will have."""
        return self._offset_of(self._log.last + 1)

    def is_used(self, namespace: str) -> bool:
        """Tell whether anyone could ask for an event of this namespace again."""
        return namespace in self._users

    def record(self, target: Target, outgoing: Outgoing, source: Source | None = None) -> None:
        """Keep an event, with `next_offset` in it, for clients that will have missed it.

        Args:
            target: Who it is for.
            outgoing: The event.
            source: Where it came from.
        """
        log = self._log
        evicted = log.evicted
        # Of an own object, so that wire forms which are made now aren't kept with it.
        log.append(target, Outgoing(outgoing.text, outgoing.attachments), self._clock().now(), source)
        self._counters.recovery_evictions += log.evicted - evicted
        self._watch()

    # Sessions.

    def open(self, namespace: str, sid: str) -> RecoverableSession:
        """Begin a session, and to keep events for it."""
        self._users[namespace] = self._users.get(namespace, 0) + 1
        return RecoverableSession(new_sid(), sid, namespace, self)

    def settle(self) -> None:
        """Do nothing: events are sent when they are emitted."""

    def update(self, session: RecoverableSession) -> None:
        """Do nothing: the session is what was changed."""

    def save(self, session: RecoverableSession) -> None:
        """Keep the session of a client that is away."""
        session.left_at = self._clock().now()
        if session.lost_at is None:
            session.lost_at = session.left_at
        self._away[session.pid] = session
        self.awaited.add(session)
        if len(self._away) > self._options.max_sessions:
            self._counters.recoveries_expired += 1
            self.discard(next(iter(self._away.values())))
        self._watch()

    def restore(
        self, namespace: str, pid: str, offset: str | None, limit: int
    ) -> Restored | Awaitable[Restored | None] | None:
        """Take out the session of a client that is back, with what it has missed."""
        session = self.away(namespace, pid)
        missed = None if session is None else self.take(session, offset, limit)
        if session is None or missed is None:
            return None
        return Restored(session, [outgoing for _, outgoing in missed])

    def away(self, namespace: str, pid: str) -> RecoverableSession | None:
        """Return the session of a client that is away, if it may still come back."""
        session = self.peek(namespace, pid)
        if session is None:
            self._counters.recoveries_unknown += 1
            return None
        assert session.left_at is not None
        if session.left_at + self._options.max_disconnection_duration < self._clock().now():
            self._counters.recoveries_expired += 1
            self.discard(session)
            return None
        return session

    def peek(self, namespace: str, pid: str) -> RecoverableSession | None:
        """Return the session of a client that is away."""
        session = self._away.get(pid)
        return None if session is None or session.namespace != namespace else session

    def take(self, session: RecoverableSession, offset: str | None, limit: int) -> Sequence[Missed] | None:
        """Take out the session of a client that is away.

        Args:
            session: The session.
            offset: The offset of the last event that the client has received; None if there was none.
            limit: Bytes that the missed events may have.

        Returns:
            What the client has missed; None if the offset is none of its, or not all can be sent again.
        """
        counters, log = self._counters, self._log
        assert session.lost_at is not None
        start = self._start(session, offset)
        if start is None:
            counters.recoveries_unknown += 1
            return None
        brought, after = start
        # An event that is kept no longer matters only if the client may not have received it.
        is_cut = after < log.cut and log.cut_at >= session.lost_at - self._unnoticed
        missed = [] if is_cut else [*brought, *self._missed(session, after)]
        if is_cut or after < session.floor or sum(len(each.outgoing) for each in missed) > limit:
            counters.recoveries_too_old += 1
            self.discard(session)
            return None
        del self._away[session.pid]
        self.awaited.remove(session)
        session.left_at = session.lost_at = None
        return missed

    def discard(self, session: RecoverableSession) -> None:
        """Forget a session."""
        if session.ended:
            return
        session.ended = True
        if self._away.pop(session.pid, None) is not None:
            self.awaited.remove(session)
        users = self._users[session.namespace] - 1
        if users:
            self._users[session.namespace] = users
        else:
            del self._users[session.namespace]

    def leave(self, target: Target, rooms: Sequence[Room]) -> None:
        """Take those of these clients that are away out of rooms."""
        for session in self._those(target):
            for room in rooms:
                if room in session.rooms:
                    session.leave(room)
                    self.awaited.leave(session, room)

    def disconnect(self, target: Target) -> None:
        """Let those of these clients that are away not come back."""
        for session in self._those(target):
            self.discard(session)

    def clear(self) -> None:
        """Forget everyone who is away, and all events."""
        for session in tuple(self._away.values()):
            self.discard(session)
        self._log.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def __len__(self) -> int:
        """Return how many sessions and events are kept."""
        return len(self._away) + len(self._log)

    def _those(self, target: Target) -> list[RecoverableSession]:
        namespace, rooms, except_rooms = target
        return [
            session
            for session in self._away.values()
            if session.namespace == namespace
            and Whereabouts(session).concerns(self._log.last + 1, rooms, except_rooms)
        ]

    def _start(self, session: RecoverableSession, offset: str | None) -> tuple[Sequence[Missed], int] | None:
        """Return what a client still has to get of what it came with, and after which position it goes on."""
        brought = session.brought
        rest = None if brought is None else brought.after(offset)
        if rest is not None:
            return rest, session.since
        if offset is None:
            return None if brought is not None else ((), session.since)
        after = self._position_of(offset)
        if after is None or not session.since <= after <= self._log.last:
            return None
        return (), after

    def _missed(self, session: RecoverableSession, after: int) -> list[Missed]:
        whereabouts = Whereabouts(session)
        return [
            Missed(self._offset_of(event.position), event.outgoing)
            for event in self._log.after(after, session.namespace, whereabouts.rooms())
            if whereabouts.concerns(event.position, event.target.rooms, event.target.except_rooms)
        ]

    def _offset_of(self, position: int) -> str:
        return f"{self._prefix}{position}"

    def _position_of(self, offset: str) -> int | None:
        digits = offset.removeprefix(self._prefix)
        is_own = len(offset) - len(digits) == len(self._prefix)
        is_number = digits.isascii() and digits.isdigit() and len(digits) <= MAX_DIGITS
        return int(digits) if is_own and is_number else None

    # Time.

    def _watch(self) -> None:
        if self._timer is None:
            self._timer = Timer(self._clock(), self._sweep)
            self._timer.set(self._options.max_disconnection_duration / SWEEPS)

    def _sweep(self) -> None:
        assert self._timer is not None
        duration = self._options.max_disconnection_duration
        now = self._timer.clock.now()
        self._log.expire(now - duration - self._unnoticed)
        for session in tuple(self._away.values()):
            assert session.left_at is not None
            if session.left_at + duration >= now:
                break
            self._counters.recoveries_expired += 1
            self.discard(session)
        if len(self):
            self._timer.set(duration / SWEEPS)
        else:
            self._timer = None
