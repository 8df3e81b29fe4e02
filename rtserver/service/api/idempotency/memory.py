"""Records in this process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from rtserver.service.api.idempotency.record import HOLD, Bounds, Record

__all__ = ["MemoryStore"]


class MemoryStore:
    """Keeps records in memory, for a process that serves alone. It implements `Store`.

    Args:
        bounds: How much is kept.
        now: Returns the time in seconds.
    """

    def __init__(self, bounds: Bounds, now: Callable[[], float]) -> None:
        self._bounds = bounds
        self._now = now
        self._records: OrderedDict[str, tuple[Record, float]] = OrderedDict()
        """Each record, and when it is forgotten: nearly in the order of that."""
        self._size = 0

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._records)

    async def claim(self, name: str, record: Record) -> Record | None:
        """Put a record where there is none, else return it."""
        while self._records and self._oldest()[1] <= self._now():
            self._forget(next(iter(self._records)))
        found = self._records.get(name)
        if found is not None and found[1] > self._now():
            return found[0]
        self._put(name, record, HOLD)
        return None

    async def keep(self, name: str, record: Record) -> None:
        """Replace a record by the one with its outcome."""
        self._put(name, record, self._bounds.lifetime)
        while len(self) > self._bounds.entries or self._size > self._bounds.size:
            self._forget(next(iter(self._records)))

    async def release(self, name: str) -> None:
        """Remove a record."""
        self._forget(name)

    async def close(self) -> None:
        """End. There is nothing to end."""

    def _put(self, name: str, record: Record, seconds: float) -> None:
        self._forget(name)
        self._records[name] = record, self._now() + seconds
        self._size += _size(record)

    def _forget(self, name: str) -> None:
        found = self._records.pop(name, None)
        if found is not None:
            self._size -= _size(found[0])

    def _oldest(self) -> tuple[Record, float]:
        return next(iter(self._records.values()))


def _size(record: Record) -> int:
    return 0 if record.outcome is None else len(record.outcome.body)
