"""The journal of one process: what its clients can come back to, should it be killed.

It is a lock and a few files, best on a file system in memory:

    W.journal       locked for as long as the process lives, and touched every second
    W.journal.7     segments; each begins with all sessions that there are
    W.journal.8

Whatever is written is there for other processes from then on, also when this one is killed in the next
moment: nothing is buffered. Older segments are removed as newer ones are begun.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["SEGMENTS", "Journal", "remove"]

logger = logging.getLogger("rtserver.cluster")

SEGMENTS: Final = 4
"""In how many segments what is to be kept is written, at least."""


class Closed(NamedTuple):
    """A segment that is written no more."""

    path: Path
    bytes: int
    events: int
    end: float


class Journal:
    """Writes a journal.

    Args:
        path: The lock; segments have its name and a number.
        max_bytes: Bytes of events that are kept at least.
        max_events: Events that are kept at least.
        window: Seconds for which events are kept, where neither is reached.
        now: The time in seconds.
        head: Returns the records that a segment begins with.

    Raises:
        OSError: It can't be written.
    """

    __slots__ = (
        "_began",
        "_bytes",
        "_closed",
        "_events",
        "_file",
        "_head",
        "_lock",
        "_max_bytes",
        "_max_events",
        "_number",
        "_path",
        "_window",
        "_written",
    )

    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int,
        max_events: int,
        window: float,
        now: float,
        head: Callable[[], Iterable[bytes]],
    ) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._max_events = max_events
        self._window = window
        self._head = head
        self._number = 0
        self._bytes = 0
        self._events = 0
        self._written = 0
        """Bytes of records of all kinds since the segment's head."""
        self._began = now
        self._closed: deque[Closed] = deque()
        self._file: int | None = None
        hidden = path.with_name(f".{path.name}")  # nobody sees it before it is locked
        self._lock: int | None = os.open(hidden, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        hidden.rename(path)
        self._rotate(now)

    @property
    def is_open(self) -> bool:
        """False after `close`, or when it couldn't be written to."""
        return self._file is not None

    def write(self, record: bytes) -> None:
        """Write a record. Where that fails nothing more is written: the server goes on without a journal."""
        if self._file is None:
            return
        try:
            if os.write(self._file, record) == len(record):
                self._written += len(record)
                return
            reason = "there is no space left"
        except OSError as error:
            reason = str(error.strerror)
        self._fail(reason)

    def _fail(self, reason: str) -> None:
        logger.error(
            "the journal %s ends here: %s. Clients don't survive the end of this process", self._path, reason
        )
        self.close()
        self.remove()

    def write_event(self, record: bytes, now: float) -> None:
        """Write the record of an event, to a new segment if this one is full."""
        if self._bytes * SEGMENTS >= self._max_bytes or self._events * SEGMENTS >= self._max_events:
            self._rotate(now)
        self._bytes += len(record)
        self._events += 1
        self.write(record)

    def age(self, now: float) -> None:
        """Begin a new segment if this is full, or if time has passed and what is kept is still of use."""
        has_events = self._events or any(each.events for each in self._closed)
        is_old = has_events and now - self._began >= self._window / SEGMENTS
        if is_old or self._written > self._max_bytes // SEGMENTS:
            self._rotate(now)

    def _rotate(self, now: float) -> None:
        if self._lock is None:
            return
        closed = Closed(self._segment(), self._bytes, self._events, now)
        self._number += 1
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
        try:
            file = os.open(self._segment(), flags, 0o600)
        except OSError as error:
            self._fail(str(error.strerror))
            return
        before, self._file = self._file, file
        if before is not None:
            os.close(before)
            self._closed.append(closed)
        self._bytes = self._events = 0
        self._began = now
        self.write(b"".join(self._head()))
        self._written = 0  # a long head is no reason to begin another segment
        self._drop(now)

    def _segment(self) -> Path:
        return self._path.with_name(f"{self._path.name}.{self._number}")

    def _drop(self, now: float) -> None:
        """Remove the oldest segments that needn't be kept."""
        closed = self._closed
        size, count = sum(each.bytes for each in closed), sum(each.events for each in closed)
        while closed:
            oldest = closed[0]
            size, count = size - oldest.bytes, count - oldest.events
            is_recent = oldest.end > now - self._window
            if is_recent and size < self._max_bytes and count < self._max_events:
                break
            closed.popleft().path.unlink(missing_ok=True)

    def touch(self) -> None:
        """Take note that this process lives: when it dies, others see since when."""
        if self._lock is not None:
            os.utime(self._lock)

    def close(self) -> None:
        """End. What was written stays for others."""
        self.touch()
        for file in (self._file, self._lock):
            if file is not None:
                os.close(file)
        self._file = self._lock = None

    def remove(self) -> None:
        """Remove what was written."""
        remove(self._path)


def remove(path: Path) -> None:
    """Remove a journal: first the lock, so that nobody begins to read it."""
    path.unlink(missing_ok=True)
    for segment in path.parent.glob(f"{path.name}.*"):
        segment.unlink(missing_ok=True)
