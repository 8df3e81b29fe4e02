"""The recovery store of a server in a cluster: others can ask for what it keeps, and it can ask them.

A client that comes back to another server than the one that it was lost from is looked for there, and
brought over: its session, the events that it has missed there, and of each server the number of the latest
event that was among them or before. To these the new server adds what it has logged itself that is later.
What comes later still is sent to the client as to any other; only what that other server had earlier than
this one must be left out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from rtserver.clock import Clock
from rtserver.cluster.recovery.progress import Late, Progress
from rtserver.cluster.recovery.taken import Taken, Wanted
from rtserver.ids import new_sid
from rtserver.server.counters import Counters
from rtserver.server.namespace import Room
from rtserver.server.recovery.brought import Brought, Missed
from rtserver.server.recovery.log import Recorded, Source
from rtserver.server.recovery.memory import MemoryStore
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.server.recovery.session import RecoverableSession, Whereabouts
from rtserver.server.recovery.store import Occupants, Restored
from rtserver.server.target import Target

__all__ = ["SEPARATOR", "ClusterStore", "Fetch", "had"]

SEPARATOR: Final = "."
"""What follows the name of a server in pids and offsets. No name has it."""
MAX_LENGTH: Final = 128
"""Characters of a pid or an offset that are worth asking for."""
LAG: Final = 10.0
"""Seconds by which the events of one server may come earlier to one than to another."""

Fetch = Callable[[Wanted], Awaitable[Restored | None]]
"""Brings a session from another server."""


class ClusterStore(MemoryStore):
    """Sessions and events of this server, and those of clients that come from others.

    Args:
        uid: This server.
        options: For how long, and how much.
        unnoticed: Seconds until a lost connection is noticed, at the latest.
        clock: Returns the clock of the running loop.
        counters: Where it is counted what was forgotten.
    """

    __slots__ = ("_brought", "_brought_bytes", "fetch", "late", "occupants", "progress")

    def __init__(
        self,
        uid: str,
        options: ConnectionStateRecovery,
        unnoticed: float,
        clock: Callable[[], Clock],
        counters: Counters,
    ) -> None:
        super().__init__(options, unnoticed, clock, counters, uid + SEPARATOR)
        self.progress = Progress(uid)
        self.late = Late()
        self.occupants: Occupants
        self.fetch: Fetch
        self._brought: dict[str, tuple[float, RecoverableSession]] = {}
        """Sessions from elsewhere, and when their clients have surely received what they came with."""
        self._brought_bytes = 0

    def attach(self, occupants: Occupants) -> None:
        """Learn who has the sessions of those that are connected."""
        self.occupants = occupants

    # Events.

    def is_used(self, namespace: str) -> bool:
        """Return True: whoever has missed an event may come from another server."""
        return True

    def arrived(self, source: Source, target: Target) -> Target:
        """Take note of an event of another server.

        Returns:
            Who it is for: those that came with it from elsewhere have it already.
        """
        self.progress.note(source)
        if len(self.late) and (having := self.late.having(source)):
            return target._replace(except_rooms=(*target.except_rooms, *having))
        return target

    def now(self) -> float:
        """Return the time, by the clock."""
        return self._clock().now()

    # Sessions.

    def open(self, namespace: str, sid: str) -> RecoverableSession:
        """Begin a session, whose pid tells where."""
        self._users[namespace] = self._users.get(namespace, 0) + 1
        return self._make(f"{self._prefix}{new_sid()}", sid, namespace)

    def _make(self, pid: str, sid: str, namespace: str) -> RecoverableSession:
        return RecoverableSession(pid, sid, namespace, self)

    def restore(
        self, namespace: str, pid: str, offset: str | None, limit: int
    ) -> Restored | Awaitable[Restored | None] | None:
        """Take out the session of a client that is back, from here or from wherever it is."""
        if pid in self._away or not all(map(_is_plausible, (pid, offset))):
            return super().restore(namespace, pid, offset, limit)
        return self.fetch(Wanted(namespace, pid, offset, limit))

    def expect(self, namespace: str, sid: str, rooms: Sequence[Room]) -> RecoverableSession:
        """Log what is sent to the rooms of a client that will come, until it isn't `awaited` any more."""
        guest = RecoverableSession("", sid, namespace, self)
        guest.rooms = tuple(rooms)
        self.awaited.add(guest)
        return guest

    def give(self, wanted: Wanted) -> Taken | None:
        """Take out the session of a client that is back elsewhere."""
        session = self.away(wanted.namespace, wanted.pid)
        missed = None if session is None else self.take(session, wanted.offset, wanted.limit)
        if session is None or missed is None:
            return None
        self.discard(session)
        return Taken(session.sid, session.rooms, session.data, missed, had(session, self.progress.vector()))

    async def revive(self, wanted: Wanted) -> Restored | None:
        """Find the session of a server that is no more: there is no trace of it."""
        return None

    def adopt(self, wanted: Wanted, taken: Taken, since: float) -> Restored | None:
        """Take over a session from elsewhere.

        Args:
            wanted: What was asked for.
            taken: What is known of it elsewhere.
            since: When it was asked for, by the clock.

        Returns:
            The session, and what its client has missed here and there; None if that is too much.
        """
        namespace, pid, offset, limit = wanted
        session = self._make(pid, taken.sid, namespace)
        session.rooms, session.data = tuple(taken.rooms), taken.data
        missed = [*taken.missed, *self._added(session, taken, since)]
        brought = Brought(offset, missed, taken.vector)
        if brought.bytes > limit:
            self._counters.recoveries_too_old += 1
            return None
        self._users[namespace] = self._users.get(namespace, 0) + 1
        session.brought = brought
        now = self._clock().now()
        self._brought[pid] = (now + self._unnoticed, session)
        self._brought_bytes += brought.bytes
        while self._brought_bytes > self._options.max_bytes:
            self._settle(next(iter(self._brought)))
        self.late.expect(taken.sid, taken.vector, self.progress, now + LAG)
        self._watch()
        return Restored(session, [outgoing for _, outgoing in missed])

    def _added(self, session: RecoverableSession, taken: Taken, since: float) -> list[Missed]:
        """Return what was logged here, and not there yet."""
        whereabouts = Whereabouts(session)
        after = self._log.before(since - LAG)
        return [
            Missed(self._offset_of(event.position), event.outgoing)
            for event in self._log.after(after, session.namespace, whereabouts.rooms())
            if _is_later(event, taken, since)
            and whereabouts.concerns(event.position, event.target.rooms, event.target.except_rooms)
        ]

    def discard(self, session: RecoverableSession) -> None:
        """Forget a session, with what its client came with."""
        super().discard(session)
        if session.brought is not None:
            self._settle(session.pid)

    def _settle(self, pid: str) -> None:
        """Forget what a client came with: it has received that, or there is no room for it."""
        found = self._brought.pop(pid, None)
        if found is not None and found[1].brought is not None:
            self._brought_bytes -= found[1].brought.bytes
            found[1].brought.received()

    def clear(self) -> None:
        """Forget everyone who is away, and all events."""
        for pid in tuple(self._brought):
            self._settle(pid)
        super().clear()

    def __len__(self) -> int:
        """Return how much is kept."""
        return super().__len__() + len(self._brought) + len(self.late)

    def _sweep(self) -> None:
        now = self._clock().now()
        self.late.expire(now)
        for pid, (deadline, session) in tuple(self._brought.items()):
            if deadline > now:
                break
            if session.lost_at is None or session.lost_at > deadline:
                self._settle(pid)
        super()._sweep()


def had(session: RecoverableSession, vector: Mapping[str, int]) -> Mapping[str, int]:
    """Return what a client has had of each server, here or before it came here.

    Of events that concerned nobody here until it came, this server needn't have heard.

    Args:
        session: The client's session.
        vector: What this server has had.
    """
    if session.brought is None:
        return vector
    before = session.brought.vector
    return {uid: max(before.get(uid, 0), vector.get(uid, 0)) for uid in {*before, *vector}}


def _is_later(event: Recorded, taken: Taken, since: float) -> bool:
    if event.source is None:  # what came before it was asked for here has come before the question there
        return event.time >= since
    uid, number = event.source
    return number > taken.vector.get(uid, 0)


def _is_plausible(name: str | None) -> bool:
    return name is None or (len(name) <= MAX_LENGTH and SEPARATOR in name)
