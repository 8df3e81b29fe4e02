"""The journals of processes that have ended: their clients are found there, and each is given to one process.

The lock of a journal tells whether its process lives, as the system releases it with the process.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rtserver.clock import Clock
from rtserver.cluster.recovery.journal import remove
from rtserver.cluster.recovery.records import Back, Data, Event, Gone, Head, Move, Record, Session, read
from rtserver.cluster.recovery.store import SEPARATOR, had
from rtserver.cluster.recovery.taken import Taken, Wanted
from rtserver.cluster.wire import load
from rtserver.server.counters import Counters
from rtserver.server.recovery.brought import Brought
from rtserver.server.recovery.memory import MemoryStore
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.server.recovery.session import RecoverableSession

__all__ = ["Archive", "Revived"]

logger = logging.getLogger("rtserver.cluster")

TAKEN: Final = ".taken."
"""What follows the name of a journal in the names of files that say which sessions were taken out of it."""


class Revived(MemoryStore):
    """What a process that has ended would have known, as far as its journal tells.

    Args:
        name: The process.
        died: When it ended, by the wall clock.
        options: For how long, and how much, events are kept.
        unnoticed: Seconds until a lost connection is noticed, at the latest.
        clock: Returns the clock of the running loop.
    """

    __slots__ = ("_data", "_wall", "died", "vector")

    def __init__(
        self,
        name: str,
        died: float,
        options: ConnectionStateRecovery,
        unnoticed: float,
        clock: Callable[[], Clock],
    ) -> None:
        super().__init__(options, unnoticed, clock, Counters(), name + SEPARATOR)
        self._wall = time.time() - clock().now()
        self._data: dict[str, bytes] = {}
        self.died = died - self._wall
        """When it ended, by the clock."""
        self.vector: dict[str, int] = {}
        """The number of the latest event that it has had of each server."""

    def replay(self, record: Record) -> None:
        """Take one record.

        Raises:
            KeyError: It is about a session that there isn't.
        """
        match record:
            case Event():
                self._log.append(record.target, record.outgoing, record.time - self._wall, record.source)
                if record.source is not None:
                    uid, number = record.source
                    self.vector[uid] = max(number, self.vector.get(uid, 0))
            case Move():
                session = self._away[record.pid]
                session.note(record.room, record.entered)
                rooms = dict.fromkeys(session.rooms)
                if record.entered:
                    rooms[record.room] = None
                else:
                    rooms.pop(record.room, None)
                session.rooms = tuple(rooms)
            case Session():
                self._put_back(record)
            case Data():
                self._data[record.pid] = record.data
            case Back():
                session = self._away[record.pid]
                session.left_at = session.lost_at = None
            case Gone():
                self._away.pop(record.pid, None)
                self._data.pop(record.pid, None)
            case Head():
                if not self._log.last:
                    self._log.skip(record.position, record.time - self._wall)
                self.vector.update(record.vector)

    def _put_back(self, record: Session) -> None:
        session = RecoverableSession(record.pid, record.sid, record.namespace, self)
        session.put_back(record.since, record.floor, record.moves)
        session.rooms = tuple(record.rooms)
        if record.brought is not None:
            session.brought = Brought(*record.brought)
        if record.left_at is not None and record.lost_at is not None:
            session.left_at, session.lost_at = record.left_at - self._wall, record.lost_at - self._wall
        self._away[record.pid] = session
        self._data[record.pid] = record.data

    def complete(self) -> None:
        """Let those go that were there to the end."""
        for session in self._away.values():
            self._users[session.namespace] = self._users.get(session.namespace, 0) + 1
            self.awaited.add(session)
            if session.left_at is None:
                session.left_at = session.lost_at = self.died

    def give(self, wanted: Wanted) -> Taken | None:
        """Take out the session of a client that is back elsewhere."""
        session = self.away(wanted.namespace, wanted.pid)
        missed = None if session is None else self.take(session, wanted.offset, wanted.limit)
        if session is None or missed is None:
            return None
        data = load(self._data[wanted.pid])
        return Taken(session.sid, session.rooms, data, missed, had(session, self.vector))


class Archive:
    """The journals beside one's own.

    Args:
        path: One's own.
        options: For how long, and how much, events are kept.
        unnoticed: Seconds until a lost connection is noticed, at the latest.
        clock: Returns the clock of the running loop.
    """

    __slots__ = ("_clock", "_options", "_path", "_revived", "_unnoticed")

    def __init__(
        self,
        path: Path,
        options: ConnectionStateRecovery,
        unnoticed: float,
        clock: Callable[[], Clock],
    ) -> None:
        self._path = path
        self._options = options
        self._unnoticed = unnoticed
        self._clock = clock
        self._revived: dict[Path, asyncio.Future[Revived]] = {}

    async def take(self, wanted: Wanted) -> tuple[Taken, float] | None:
        """Take a session out of a journal, before anyone else does.

        Returns:
            The session, and when its process ended, by the clock; None where there is none.
        """
        for path in self._dead(wanted):
            try:
                revived = await self._revive(path)
            except (OSError, ValueError, KeyError) as error:
                logger.error("the journal %s can't be read: %s", path, error)
                continue
            if revived.peek(wanted.namespace, wanted.pid) is not None and _claim(path, wanted.pid):
                taken = revived.give(wanted)
                return None if taken is None else (taken, revived.died)
        return None

    def clean(self) -> None:
        """Remove the journals from which nobody can come back any more."""
        until = time.time() - self._options.max_disconnection_duration - self._unnoticed
        for path in self._others():
            if _has_ended(path) and _touched(path) < until:
                remove(path)
        for path in self._revived.keys() - set(self._others()):  # other processes remove journals too
            del self._revived[path]

    def _others(self) -> list[Path]:
        return [path for path in self._path.parent.glob(f"*{self._path.suffix}") if path != self._path]

    def _dead(self, wanted: Wanted) -> list[Path]:
        """Return the journals of processes that have ended, the likeliest first."""
        names = [name.rpartition(SEPARATOR)[0] for name in (wanted.offset, wanted.pid) if name is not None]
        return sorted(filter(_has_ended, self._others()), key=lambda path: path.stem not in names)

    async def _revive(self, path: Path) -> Revived:
        reading = self._revived.get(path)
        if reading is None:
            revived = Revived(path.stem, _touched(path), self._options, self._unnoticed, self._clock)
            reading = asyncio.ensure_future(asyncio.to_thread(_replay, path, revived))
            self._revived[path] = reading
        try:
            return await asyncio.shield(reading)
        except (OSError, ValueError, KeyError):
            self._revived.pop(path, None)
            raise


def _replay(path: Path, revived: Revived) -> Revived:
    """Read a journal. That may take a second, and is done in a thread."""
    segments = [each for each in path.parent.glob(f"{path.name}.*") if each.suffix[1:].isdecimal()]
    for segment in sorted(segments, key=lambda each: int(each.suffix[1:])):
        for record in read(segment.read_bytes()):
            revived.replay(record)
    revived.complete()
    return revived


def _has_ended(path: Path) -> bool:
    try:
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(lock)


def _touched(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another process has removed it just now
        return 0.0


def _claim(path: Path, pid: str) -> bool:
    """Take note of a session that is taken. Returns False where another process has done so."""
    digest = hashlib.blake2b(pid.encode(), digest_size=12).hexdigest()
    try:
        os.close(os.open(f"{path}{TAKEN}{digest}", os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return False
    return True
