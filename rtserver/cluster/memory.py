"""The manager of a server that is alone: every client is connected here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from rtserver.clock import Clock
from rtserver.server.acks import AckCallback
from rtserver.server.answers import Answers, Fetched
from rtserver.server.delivery.history import History, MemoryHistory
from rtserver.server.manager import LocalSink
from rtserver.server.namespace import Room
from rtserver.server.target import PLAIN, Flags, Target

__all__ = ["MemoryManager"]


class MemoryManager:
    """Delivers straight to the server's own clients. It implements `rtserver.server.manager.Manager`."""

    __slots__ = ("_history", "_sink")

    alone: Final = True

    def __init__(self) -> None:
        self._sink: LocalSink
        self._history: MemoryHistory | None = None

    def attach(self, sink: LocalSink) -> None:
        """Learn whose manager this is."""
        self._sink = sink

    def start(self) -> None:
        """Begin. There is nothing to begin."""

    def emit(
        self, target: Target, args: Sequence[Any], flags: Flags = PLAIN, ack: AckCallback | None = None
    ) -> None:
        """Send an event to those clients that it is for."""
        if self._history is not None and ack is None and not flags.volatile:
            self._history.record(target, args)
        self._sink.emit(target, args, flags, ack)

    async def ask(
        self,
        target: Target,
        args: Sequence[Any],
        flags: Flags,
        timeout: float | None,  # noqa: ASYNC109 - the Protocol's
    ) -> Answers:
        """Send an event that each of its recipients is to acknowledge, and wait for that."""
        return await self._sink.ask(target, args, flags).collect(timeout)

    async def fetch(self, target: Target, timeout: float) -> Fetched:  # noqa: ASYNC109 - the Protocol's
        """Return nothing: there are no other servers."""
        return Fetched()

    def join(self, target: Target, rooms: Sequence[Room]) -> None:
        """Put clients into rooms."""
        self._sink.join(target, rooms)

    def leave(self, target: Target, rooms: Sequence[Room]) -> None:
        """Take clients out of rooms."""
        self._sink.leave(target, rooms)

    def disconnect(self, target: Target, close: bool = False) -> Awaitable[object] | None:
        """Disconnect clients."""
        return self._sink.disconnect(target, close)

    def server_side_emit(self, namespace: str, args: Sequence[Any]) -> None:
        """Do nothing: there are no other servers."""

    async def server_side_ask(
        self,
        namespace: str,
        args: Sequence[Any],
        timeout: float,  # noqa: ASYNC109 - the Protocol's
    ) -> Answers:
        """Return nothing: there are no other servers."""
        return Answers()

    def keep_history(self, options: History, clock: Callable[[], Clock]) -> MemoryHistory:
        """Record from here on what is sent to rooms."""
        self._history = MemoryHistory(options, clock)
        return self._history

    def close(self) -> None:
        """End. There is nothing to end."""
