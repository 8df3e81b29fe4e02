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
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

__all__ = ["SEGMENTS", "Journal", "remove"]

logger = logging.getLogger("rtserver.cluster")

SEGMENTS: Final = 4
"""Full segments that are kept, besides the one that is written."""


class Journal:
    """Writes a journal.

    Args:
        path: The lock; segments have its name and a number.
        max_bytes: Bytes of events that are kept at least, while no more than a quarter more.
        max_events: Events that are kept, likewise.
        head: Returns the records that a segment begins with.

    Raises:
        OSError: It can't be written.
    """

    __slots__ = (
        "_bytes",
        "_events",
        "_file",
        "_head",
        "_idle",
        "_lock",
        "_max_bytes",
        "_max_events",
        "_number",
        "_path",
    )

    def __init__(
        self, path: Path, max_bytes: int, max_events: int, head: Callable[[], Iterable[bytes]]
    ) -> None:
        self._path = path
        self._max_bytes = max_bytes // SEGMENTS
        self._max_events = max_events // SEGMENTS
        self._head = head
        self._number = 0
        self._bytes = 0
        self._events = 0
        self._idle = 0
        """How many segments without an event there have been in a row."""
        self._file: int | None = None
        hidden = path.with_name(f".{path.name}")  # nobody sees it before it is locked
        self._lock: int | None = os.open(hidden, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        hidden.rename(path)
        self.rotate()

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
                return
            reason = "there is no space left"
        except OSError as error:
            reason = str(error.strerror)
        logger.error(
            "the journal %s ends here: %s. Clients don't survive the end of this process", self._path, reason
        )
        self.close()
        self.remove()

    def write_event(self, record: bytes) -> None:
        """Write the record of an event, to a new segment if this one is full."""
        if self._bytes >= self._max_bytes or self._events >= self._max_events:
            self.rotate()
        self._bytes += len(record)
        self._events += 1
        self.write(record)

    def rotate(self) -> None:
        """Begin a new segment, and remove those that are too old or too many."""
        if self._lock is None:
            return
        old, self._number = self._file, self._number + 1
        self._bytes = self._events = 0
        try:
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
            self._file = os.open(f"{self._path}.{self._number}", flags, 0o600)
        finally:
            if old is not None:
                os.close(old)
        self.write(b"".join(self._head()))
        Path(f"{self._path}.{self._number - SEGMENTS - 1}").unlink(missing_ok=True)

    def age(self) -> None:
        """Begin a new segment when time has passed, until all that is kept is of no use any more."""
        self._idle = 0 if self._events else self._idle + 1
        if self._idle <= SEGMENTS:
            self.rotate()

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
