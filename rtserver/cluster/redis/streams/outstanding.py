"""What this server has sent to a stream and hasn't read back from it yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from rtserver.cluster.redis.streams.entries import Entry

__all__ = ["Outstanding"]


class Outstanding:
    """The server's own events that are on their way through Redis.

    Clients here that can recover get such an event when it has come back, as only then its place in the
    stream is known; or before, when that can't be waited for.

    Args:
        limit: Bytes of entries that are kept at most.
    """

    __slots__ = ("_ahead", "_early", "_forgotten", "_is_flushing", "_limit", "_read", "_size", "_waiting")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._early: deque[Entry] = deque()
        self._waiting: deque[Entry] = deque()
        self._size = 0
        self._ahead = 0
        self._read = 0
        self._forgotten = 0
        self._is_flushing = False

    def __len__(self) -> int:
        """Return how many events haven't come back."""
        return len(self._early) + len(self._waiting)

    @property
    def ahead(self) -> int:
        """The number of the newest event that clients have been sent, and that isn't back; 0 for none."""
        return self._ahead if self._ahead > self._read else 0

    @property
    def forgotten(self) -> int:
        """The number of the newest event that was too much to keep until it comes back; 0 for none."""
        return self._forgotten if self._forgotten > self._read else 0

    @property
    def early(self) -> tuple[Entry, ...]:
        """The events that clients have been sent, and that haven't come back."""
        return tuple(self._early)

    @property
    def oldest(self) -> int | None:
        """The number of the oldest event that hasn't come back; None if all have."""
        first = self._early or self._waiting
        return _number(first[0]) if first else None

    def add(self, entry: Entry) -> None:
        """Take an event that is sent now."""
        self._waiting.append(entry)
        self._size += len(entry.data)
        while self._size > self._limit and self._early:
            dropped = self._early.popleft()
            self._size -= len(dropped.data)
            self._forgotten = _number(dropped)

    def flush(self) -> Iterator[Entry]:
        """Return one by one what clients haven't been sent: they are now.

        While that goes on, another call returns nothing: the events are on their way already.
        """
        if self._is_flushing:
            return
        self._is_flushing = True
        try:
            while self._waiting:
                entry = self._waiting.popleft()
                self._ahead = _number(entry)
                self._early.append(entry)
                yield entry
        finally:
            self._is_flushing = False

    def read_back(self, seq: int) -> list[Entry]:
        """Take note that the entry of this number has come back.

        Returns:
            What clients haven't been sent up to there. More than one are some that Redis has lost.
        """
        self._read = max(self._read, seq)
        while self._early and _number(self._early[0]) <= seq:
            self._size -= len(self._early.popleft().data)
        found = []
        while self._waiting and _number(self._waiting[0]) <= seq:
            entry = self._waiting.popleft()
            self._size -= len(entry.data)
            found.append(entry)
        return found


def _number(entry: Entry) -> int:
    assert entry.seq is not None
    return entry.seq
