"""A recovery store that writes a journal, so that clients survive the end of its process, whatever ends it.

What the application changes in a client's data is found by looking at it, about once a second.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from rtserver.clock import Clock, Timer
from rtserver.cluster.recovery.archive import Archive
from rtserver.cluster.recovery.journal import Journal
from rtserver.cluster.recovery.records import (
    encode_back,
    encode_data,
    encode_event,
    encode_gone,
    encode_head,
    encode_move,
    encode_session,
)
from rtserver.cluster.recovery.store import ClusterStore
from rtserver.cluster.recovery.taken import Taken, Wanted
from rtserver.cluster.wire import pack
from rtserver.engineio.outgoing import Outgoing
from rtserver.server.counters import Counters
from rtserver.server.namespace import Room
from rtserver.server.recovery.brought import Missed
from rtserver.server.recovery.log import Source
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.server.recovery.session import RecoverableSession
from rtserver.server.recovery.store import Restored
from rtserver.server.target import Target

__all__ = ["JournaledStore"]

logger = logging.getLogger("rtserver.cluster")

INTERVAL: Final = 1.0
"""Seconds between two looks at the data of clients."""
SWEEPS: Final = 4
"""How many times in the time for which events are kept it is looked for journals of no use."""
MAX_LOOKS: Final = 2000
"""Clients whose data is looked at in one go: it takes a few milliseconds."""


class JournaledSession(RecoverableSession):
    """A session whose changes are written down."""

    __slots__ = ("current", "journaled", "written")

    _store: JournaledStore

    def __init__(self, pid: str, sid: str, namespace: str, store: JournaledStore) -> None:
        super().__init__(pid, sid, namespace, store)
        self.journaled = store
        self.current: dict[Room, None] = {}
        """The rooms that the client is in, there or away."""
        self.written = b"\xc0"
        """The data that was written last, packed: None."""

    def note(self, room: Room, entered: bool) -> None:
        """Keep a change of room, and write it down."""
        super().note(room, entered)
        if entered:
            self.current[room] = None
        else:
            self.current.pop(room, None)
        self.journaled.moved(self, room, entered)


class JournaledStore(ClusterStore):
    """A `ClusterStore` with a journal.

    Args:
        uid: This process.
        path: The journal.
        options: For how long, and how much.
        unnoticed: Seconds until a lost connection is noticed, at the latest.
        clock: Returns the clock of the running loop.
        counters: Where it is counted what was forgotten.
    """

    __slots__ = ("_archive", "_cleaned", "_journal", "_looked", "_looks", "_path", "_sessions", "_window")

    def __init__(  # noqa: PLR0917
        self,
        uid: str,
        path: Path,
        options: ConnectionStateRecovery,
        unnoticed: float,
        clock: Callable[[], Clock],
        counters: Counters,
    ) -> None:
        super().__init__(uid, options, unnoticed, clock, counters)
        self._path = path
        self._journal: Journal | None = None
        self._sessions: dict[str, JournaledSession] = {}
        """All sessions, by their pids: who was looked at longest ago at the front."""
        self._looks: Timer | None = None
        self._window = options.max_disconnection_duration + unnoticed
        """Seconds for which an event can be asked for."""
        self._cleaned = 0.0
        self._archive = Archive(path, options, unnoticed, clock)

    def begin(self) -> None:
        """Begin to write, once the event loop runs.

        Raises:
            OSError: The journal can't be written.
        """
        options = self._options
        self._journal = Journal(
            self._path,
            max_bytes=options.max_bytes,
            max_events=options.max_packets,
            window=self._window,
            now=self.now(),
            head=self._head,
        )
        self._looks = Timer(self._clock(), self._look)
        self._looks.set(INTERVAL)

    def _head(self) -> Iterable[bytes]:
        yield encode_head(time.time(), self._log.last, self.progress.vector())
        for session in self._sessions.values():
            yield self._record_of(session)

    def _write(self, record: bytes) -> None:
        if self._journal is not None:
            self._journal.write(record)

    # Events.

    def record(self, target: Target, outgoing: Outgoing, source: Source | None = None) -> None:
        """Keep an event, and write it down before it is sent to anyone."""
        if self._journal is not None:
            event = encode_event(self._log.last + 1, time.time(), target, outgoing, source)
            self._journal.write_event(event, self.now())
        super().record(target, outgoing, source)

    # Sessions.

    def _make(self, pid: str, sid: str, namespace: str) -> RecoverableSession:
        session = self._sessions[pid] = JournaledSession(pid, sid, namespace, self)
        return session

    def open(self, namespace: str, sid: str) -> RecoverableSession:
        """Begin a session."""
        session = super().open(namespace, sid)
        self._write_session(session)
        return session

    def adopt(self, wanted: Wanted, taken: Taken, since: float) -> Restored | None:
        """Take over a session from elsewhere."""
        restored = super().adopt(wanted, taken, since)
        if restored is None:
            self._sessions.pop(wanted.pid, None)
            return None
        session = restored.session
        assert isinstance(session, JournaledSession)
        session.current = dict.fromkeys(session.rooms)
        session.written = _packed(session.data) or session.written
        self._write_session(session)
        return restored

    async def revive(self, wanted: Wanted) -> Restored | None:
        """Take a session out of the journal of a process that has ended."""
        found = await self._archive.take(wanted)
        return None if found is None else self.adopt(wanted, *found)

    def moved(self, session: RecoverableSession, room: Room, entered: bool) -> None:
        """Write down that a client has entered or left a room."""
        if isinstance(room, (str, int)):
            self._write(encode_move(session.pid, self._log.last, room, entered))

    def save(self, session: RecoverableSession) -> None:
        """Keep the session of a client that is away, and write it down."""
        super().save(session)
        if not session.ended:
            self._update(session, session.data)
            self._write_session(session)

    def take(self, session: RecoverableSession, offset: str | None, limit: int) -> Sequence[Missed] | None:
        """Take out the session of a client that is away."""
        missed = super().take(session, offset, limit)
        if missed is not None:
            self._write(encode_back(session.pid))
        return missed

    def discard(self, session: RecoverableSession) -> None:
        """Forget a session."""
        if not session.ended and self._sessions.pop(session.pid, None) is not None:
            self._write(encode_gone(session.pid))
        super().discard(session)

    def end(self) -> None:
        """Write nothing more: what was written is for the other processes now."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        if self._looks is not None:
            self._looks.cancel()

    def clear(self) -> None:
        """Forget everything here."""
        self.end()
        super().clear()
        self._sessions.clear()

    def _write_session(self, session: RecoverableSession) -> None:
        if self._journal is not None:
            assert isinstance(session, JournaledSession)
            self._write(self._record_of(session))

    def _record_of(self, session: JournaledSession) -> bytes:
        wall = time.time() - self.now()
        left_at, lost_at = session.left_at, session.lost_at
        return encode_session(
            session,
            tuple(session.current),
            session.written,
            None if left_at is None else left_at + wall,
            None if lost_at is None else lost_at + wall,
        )

    # The application's data.

    def _look(self) -> None:
        assert self._looks is not None
        journal = self._journal
        if journal is None or not journal.is_open:
            return
        journal.touch()
        sessions = self._sessions
        for pid in tuple(islice(sessions, MAX_LOOKS)):
            session = sessions[pid] = sessions.pop(pid)
            data = session.data if session.left_at is not None else self.occupants.data(pid)
            if self._update(session, data):
                self._write(encode_data(pid, session.written))
        now = self.now()
        journal.age(now)
        if now - self._cleaned >= self._window / SWEEPS:
            self._cleaned = now
            self._archive.clean()
        self._looks.set(INTERVAL)

    def _update(self, session: RecoverableSession, data: dict[str, Any] | None) -> bool:
        """Look at the data of a client. Returns True where it has changed."""
        assert isinstance(session, JournaledSession)
        if data is None and len(session.written) == 1:
            return False
        packed = _packed(data)
        if packed is None or packed == session.written:
            return False
        session.written = packed
        return True


def _packed(data: dict[str, Any] | None) -> bytes | None:
    try:
        return pack(data)
    except TypeError as error:
        logger.debug("the data of a client can't be written to the journal: %s", error)
        return None
