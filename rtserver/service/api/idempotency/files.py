"""Records in files, for the workers of one machine: in their private directory, which is in memory."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time
from typing import Final

from rtserver.errors import ApiError
from rtserver.service.api.idempotency.record import HOLD, Bounds, Record

__all__ = ["FileStore"]

SWEEP: Final = 256
"""Records after which a process looks for those that are too many, or that are too much together."""
SHARE: Final = 8
"""It looks for them as well when it has written this part of the bytes that there may be."""
_LOCK: Final = "lock"


class FileStore:
    """Keeps a file for each record. It implements `Store`.

    Everything is done under one lock of the kernel's, which it takes from a process that dies.

    Args:
        folder: Where. Workers that come later find there what others have left.
        bounds: How much is kept, of all workers together.
    """

    def __init__(self, folder: Path, bounds: Bounds) -> None:
        self._folder = folder
        self._bounds = bounds
        self._records_left = 0
        """Records that are kept until the next sweep, and their bytes."""
        self._bytes_left = 0

    async def claim(self, name: str, record: Record) -> Record | None:
        """Put a record where there is none, else return it."""
        try:
            return await asyncio.to_thread(self._claim, name, record)
        except OSError as error:
            raise ApiError(
                503,
                "busy",
                f"idempotency keys can't be kept now ({error.strerror}): nothing was done; try again",
                {"Retry-After": "1"},
            ) from None

    async def keep(self, name: str, record: Record) -> None:
        """Replace a record by the one with its outcome."""
        await asyncio.to_thread(self._keep, name, record)

    async def release(self, name: str) -> None:
        """Remove a record."""
        await asyncio.to_thread(self._release, name)

    async def close(self) -> None:
        """End. There is nothing to end."""

    def _claim(self, name: str, record: Record) -> Record | None:
        path = self._folder / name
        with self._locked():
            try:
                found = Record.from_bytes(path.read_bytes())
                age = time() - path.stat().st_mtime
            except FileNotFoundError:
                found = None
            if found is not None and age < (HOLD if found.outcome is None else self._bounds.lifetime):
                return found
            path.write_bytes(record.to_bytes())
            return None

    def _keep(self, name: str, record: Record) -> None:
        data = record.to_bytes()
        with self._locked():
            (self._folder / name).write_bytes(data)
            self._records_left -= 1
            self._bytes_left -= len(data)
            if self._records_left <= 0 or self._bytes_left <= 0:
                self._sweep()
                self._records_left, self._bytes_left = SWEEP, self._bounds.size // SHARE

    def _release(self, name: str) -> None:
        with self._locked():
            (self._folder / name).unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Remove what is too old, and the oldest of what is too much."""
        bounds, entries, size = self._bounds, 0, 0
        found = [(each.stat(), each.path) for each in os.scandir(self._folder) if each.name != _LOCK]
        for stat, path in sorted(found, key=lambda each: each[0].st_mtime, reverse=True):
            entries, size = entries + 1, size + stat.st_size
            is_old = time() - stat.st_mtime >= max(bounds.lifetime, HOLD)
            if is_old or entries > bounds.entries or size > bounds.size:
                os.unlink(path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        lock = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)
