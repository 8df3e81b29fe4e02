"""Which namespaces a server of a cluster listens for.

Their names may come from clients, and there is no end of them. So those that nobody has to do with any more
are shut, but not at once: a client that comes and goes shouldn't cost Redis eight commands each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rtserver.cluster.bus import MEETING, Bus

__all__ = ["Namespaces"]

MAX_IDLE: Final = 1000
"""Namespaces that are listened for though nobody here has to do with them."""


class Namespaces:
    """The namespaces of one server.

    Args:
        bus: What listens.
        is_awaited: Tells whether a client that is away may come back to a namespace.
    """

    __slots__ = ("_asking", "_bus", "_idle", "_is_awaited", "_open")

    def __init__(self, bus: Bus, is_awaited: Callable[[str], bool]) -> None:
        self._bus = bus
        self._is_awaited = is_awaited
        self._open: set[str] = set()
        """Those that clients are in, or that the application has named."""
        self._asking: dict[str, int] = {}
        """Those in which questions are under way, and how many."""
        self._idle: dict[str, None] = {}
        """The others, the one that is idle for longest at the front."""

    def open(self, name: str) -> None:
        """Listen for a namespace until it is shut."""
        self._open.add(name)
        self._idle.pop(name, None)
        self._bus.open(name)

    def shut(self, name: str) -> None:
        """Let go of a namespace. What hasn't been opened may be shut."""
        if name in self._open and name != MEETING:
            self._open.discard(name)
            self.expect(name)

    def expect(self, name: str) -> None:
        """Listen for a namespace that somebody may come to, or may not."""
        if name in self._open or name in self._asking:
            return
        self._bus.open(name)
        self._idle.pop(name, None)
        self._idle[name] = None
        if len(self._idle) > MAX_IDLE:
            oldest = next(iter(self._idle))
            del self._idle[oldest]
            if not self._is_awaited(oldest):  # else it is idle when it isn't awaited any more
                self._bus.shut(oldest)

    @contextmanager
    def listening(self, name: str) -> Iterator[None]:
        """Listen for a namespace while a question is under way."""
        self._asking[name] = self._asking.get(name, 0) + 1
        self._idle.pop(name, None)
        self._bus.open(name)
        try:
            yield
        finally:
            asking = self._asking.pop(name) - 1
            if asking:
                self._asking[name] = asking
            else:
                self.expect(name)
