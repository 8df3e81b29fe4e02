"""The events of one client go to the backend one after another, so that none overtakes an earlier one.

That is also why a client that sends too much keeps one request of the backend busy, and no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager

from rtserver.errors import BackendError

__all__ = ["Lines"]


class _Line:
    """What is under way or waits for one client."""

    __slots__ = ("lock", "size", "then")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.size = 0
        self.then: Callable[[], object] | None = None


class Lines:
    """The lines of all clients that have something under way. One that comes back finds its line again.

    Args:
        max_waiting: What may wait in one line.
    """

    __slots__ = ("_lines", "_max_waiting")

    def __init__(self, max_waiting: int) -> None:
        self._max_waiting = max_waiting
        self._lines: dict[Hashable, _Line] = {}

    def __len__(self) -> int:
        """Return how many clients have something under way."""
        return len(self._lines)

    @asynccontextmanager
    async def turn(self, key: Hashable) -> AsyncIterator[None]:
        """Wait until it is the turn of the caller, and let the next one wait until the block has ended.

        Args:
            key: Whose line it is.

        Raises:
            BackendError: Too much waits for this client already.
        """
        line = self._lines.setdefault(key, _Line())
        if line.size > self._max_waiting:
            raise BackendError("backend_busy", f"{self._max_waiting} events of the client wait already", 0.0)
        line.size += 1
        try:
            async with line.lock:
                yield
        finally:
            line.size -= 1
            if not line.size:
                del self._lines[key]
                if line.then is not None:
                    line.then()

    def after(self, key: Hashable, then: Callable[[], object]) -> None:
        """Call a function when nothing of a client is under way any more: at once, if nothing is."""
        line = self._lines.get(key)
        if line is None:
            then()
        else:
            line.then = then

    def withdraw(self, key: Hashable) -> bool:
        """Don't call that function. Returns whether it was to be called."""
        line = self._lines.get(key)
        if line is None or line.then is None:
            return False
        line.then = None
        return True
