"""What a test client has received."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, NamedTuple

from rtserver.server.answers import unpack

__all__ = ["Event", "Inbox"]


class Event(NamedTuple):
    """An event that the server sent.

    Args:
        name: Its name.
        args: Its arguments.
    """

    name: str
    args: tuple[Any, ...]

    @property
    def data(self) -> Any:
        """None for no argument, the only one, or the tuple of all: as `emit` takes it."""
        return unpack(self.args)


class Inbox:
    """Events that a test hasn't asked for yet, and who waits for one."""

    __slots__ = ("_unread", "_waiting")

    def __init__(self) -> None:
        self._unread: deque[Event] = deque()
        self._waiting: list[tuple[str | None, asyncio.Future[Event]]] = []

    def add(self, event: Event) -> None:
        """Give an event to who has waited for it longest, or keep it."""
        for waiting in self._waiting:
            name, future = waiting
            if name in (None, event.name) and not future.done():
                self._waiting.remove(waiting)
                future.set_result(event)
                return
        self._unread.append(event)

    def take(self, name: str | None) -> Event | None:
        """Return and forget the first event of this name, or the first of all; None without one."""
        for event in self._unread:
            if name in (None, event.name):
                self._unread.remove(event)
                return event
        return None

    async def wait(self, name: str | None) -> Event:
        """Wait for an event that hasn't come yet."""
        future: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        waiting = name, future
        self._waiting.append(waiting)
        try:
            return await future
        finally:
            if waiting in self._waiting:
                self._waiting.remove(waiting)

    def fail(self, error: Exception) -> None:
        """Raise an error in whoever waits: no event will come."""
        for _, future in self._waiting:
            if not future.done():
                future.set_exception(error)
        self._waiting.clear()
