"""The manager of a server that is alone: every client is connected here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar

from rtserver.clock import Clock
from rtserver.server.acks import AckCallback
from rtserver.server.answers import Answers, Fetched
from rtserver.server.counters import Counters
from rtserver.server.delivery.history import History, MemoryHistory
from rtserver.server.manager import LocalSink
from rtserver.server.namespace import Room
from rtserver.server.recovery.memory import MemoryStore
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.server.target import PLAIN, Flags, Target

__all__ = ["MemoryManager"]


class MemoryManager:
    """Delivers straight to the server's own clients. It implements `rtserver.server.manager.Manager`."""

    __slots__ = ("_history", "_sink", "_store")

    alone: ClassVar[bool] = True

    def __init__(self) -> None:
        self._sink: LocalSink
        self._history: MemoryHistory | None = None
        self._store: MemoryStore | None = None

    def attach(self, sink: LocalSink) -> None:
        """Learn whose manager this is."""
        self._sink = sink

    def recover(
        self,
        options: ConnectionStateRecovery,
        unnoticed: float,
        clock: Callable[[], Clock],
        counters: Counters,
    ) -> MemoryStore:
        """Keep what clients miss that lose their connection, from now on."""
        self._store = MemoryStore(options, unnoticed, clock, counters)
        return self._store

    def start(self) -> None:
        """Begin. There is nothing to begin."""

    def emit(
        self, target: Target, args: Sequence[Any], flags: Flags = PLAIN, ack: AckCallback | None = None
    ) -> None:
        """Send an event to those clients that it is for."""
        if self._history is not None and ack is None and not flags.volatile:
            self._history.record(target, args)
        store = self._store
        if store is None or ack is not None or flags.volatile or not store.is_used(target.namespace):
            self._sink.emit(target, args, flags, ack)
            return
        recorded = self._sink.encode(target, args, store.next_offset())
        store.record(target, recorded)
        self._sink.emit(target, args, flags, None, recorded)

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
        """Take clients out of rooms, those that are away included."""
        self._sink.leave(target, rooms)
        if self._store is not None:
            self._store.leave(target, rooms)

    def disconnect(self, target: Target, close: bool = False) -> Awaitable[object] | None:
        """Disconnect clients. Those that are away can't come back."""
        if self._store is not None:
            self._store.disconnect(target)
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
        """End: nobody who comes later can have been here."""
        if self._store is not None:
            self._store.clear()
