"""A log of events that a test can wait on, by name."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from typing import Any

__all__ = ["EventLog"]

TIMEOUT = 10.0
"""Seconds until a test gives up on an event; far more than any needs, on a busy machine too."""


class EventLog:
    """Keep what happened, in order, and let tests wait for what comes next.

    Args:
        owner: Whose events these are, for the message of a failed wait.
    """

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.history: list[tuple[str, list[Any]]] = []
        self._unread: defaultdict[str, deque[list[Any]]] = defaultdict(deque)
        self._waiting: dict[str, deque[asyncio.Future[list[Any]]]] = {}

    def add(self, name: str, *args: Any) -> None:
        """Note that an event happened."""
        values = list(args)
        self.history.append((name, values))
        waiting = self._waiting.get(name)
        while waiting:
            future = waiting.popleft()
            if not future.done():
                future.set_result(values)
                return
        self._unread[name].append(values)

    async def next(self, name: str, patience: float = TIMEOUT) -> list[Any]:
        """Wait for the next event of this name that no one has waited for yet, and return its arguments."""
        unread = self._unread[name]
        if unread:
            return unread.popleft()
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(name, deque()).append(future)
        try:
            async with asyncio.timeout(patience):
                return await future
        except TimeoutError:
            seen = [event for event, _ in self.history[-20:]]
            raise AssertionError(
                f"{self.owner}: no {name!r} within {patience} s; the last events were {seen}"
            ) from None

    def unread(self, name: str) -> int:
        """Return how many events of this name no one has waited for yet."""
        return len(self._unread[name])

    def all(self, name: str) -> list[list[Any]]:
        """Return the arguments of every event of this name so far, waited for or not."""
        return [values for event, values in self.history if event == name]
