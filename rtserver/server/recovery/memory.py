"""The recovery store of one process: what is kept is in its memory, and ends with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from rtserver.clock import Clock, Timer
from rtserver.engineio.outgoing import Outgoing
from rtserver.ids import new_sid
from rtserver.server.counters import Counters
from rtserver.server.namespace import Room
from rtserver.server.recovery.log import EventLog
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.server.recovery.rooms import AwaitedRooms
from rtserver.server.recovery.session import RecoverableSession, Whereabouts
from rtserver.server.recovery.store import Restored
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
    """

    __slots__ = (
        "_away",
        "_clock",
        "_counters",
        "_log",
        "_options",
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
    ) -> None:
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

    # Events.

    def position(self) -> int:
        """Return the position of the newest event."""
        return self._log.last

    def oldest(self) -> int:
        """Return the position of the oldest event that is kept; the next one while there is none."""
        return self._log.first

    def offset(self) -> str:
        """Return the offset of the newest event."""
        return str(self._log.last)

    def next_offset(self) -> str:
        """Return the offset that the next event will have."""
        return str(self._log.last + 1)

    def is_used(self, namespace: str) -> bool:
        """Tell whether anyone could ask for an event of this namespace again."""
        return namespace in self._users

    def record(self, target: Target, outgoing: Outgoing) -> None:
        """Keep an event, with `next_offset` in it, for clients that will have missed it."""
        log = self._log
        evicted = log.evicted
        # Of an own object, so that wire forms which are made now aren't kept with it.
        log.append(target, Outgoing(outgoing.text, outgoing.attachments), self._clock().now())
        self._counters.recovery_evictions += log.evicted - evicted
        self._watch()

    # Sessions.

    def open(self, namespace: str, sid: str) -> RecoverableSession:
        """Begin a session, and to keep events for it."""
        self._users[namespace] = self._users.get(namespace, 0) + 1
        return RecoverableSession(new_sid(), sid, namespace, self)

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

    def restore(self, namespace: str, pid: str, offset: str | None, limit: int) -> Restored | None:
        """Take out the session of a client that is back, with what it has missed."""
        counters, log = self._counters, self._log
        session = self._away.get(pid)
        if session is None or session.namespace != namespace:
            counters.recoveries_unknown += 1
            return None
        assert session.left_at is not None
        assert session.lost_at is not None
        if session.left_at + self._options.max_disconnection_duration < self._clock().now():
            counters.recoveries_expired += 1
            self.discard(session)
            return None
        after = session.since if offset is None else _parse(offset)
        if after is None or not session.since <= after <= log.last:
            counters.recoveries_unknown += 1
            return None
        # An event that is kept no longer matters only if the client may not have received it.
        is_cut = after < log.cut and log.cut_at >= session.lost_at - self._unnoticed
        missed = [] if is_cut else self._missed(session, after)
        if is_cut or after < session.floor or sum(map(len, missed)) > limit:
            counters.recoveries_too_old += 1
            self.discard(session)
            return None
        del self._away[pid]
        self.awaited.remove(session)
        session.left_at = session.lost_at = None
        return Restored(session, missed)

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

    def _missed(self, session: RecoverableSession, after: int) -> list[Outgoing]:
        whereabouts = Whereabouts(session)
        return [
            event.outgoing
            for event in self._log.after(after, session.namespace, whereabouts.rooms())
            if whereabouts.concerns(event.position, event.target.rooms, event.target.except_rooms)
        ]

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


def _parse(offset: str) -> int | None:
    return int(offset) if offset.isascii() and offset.isdigit() and len(offset) <= MAX_DIGITS else None
