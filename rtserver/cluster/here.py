"""What every manager does with its own server's clients: deliver, and keep what may be asked for later."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from rtserver.clock import Clock
from rtserver.server.acks import AckCallback
from rtserver.server.counters import Counters
from rtserver.server.delivery.history import History, MemoryHistory
from rtserver.server.manager import PEER_TIMEOUT, LocalSink
from rtserver.server.namespace import Room
from rtserver.server.recovery.log import Source
from rtserver.server.recovery.memory import MemoryStore
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.server.recovery.store import RecoveryStore
from rtserver.server.target import PLAIN, Flags, Target

__all__ = ["Here"]


class Here:
    """The base of all managers."""

    def __init__(self) -> None:
        self.request_timeout = PEER_TIMEOUT
        """Seconds that other servers have for an answer where the application sets no time-out."""
        self._sink: LocalSink
        self._history: MemoryHistory | None = None
        self._store: RecoveryStore | None = None
        """What clients can come back to; None where that isn't wanted."""
        self._log: MemoryStore | None = None
        """What keeps events as they are delivered; None where that isn't wanted, or something else does."""

    def attach(self, sink: LocalSink) -> None:
        """Learn whose manager this is."""
        self._sink = sink

    def recover(
        self,
        options: ConnectionStateRecovery,
        unnoticed: float,
        clock: Callable[[], Clock],
        counters: Counters,
    ) -> RecoveryStore:
        """Keep what clients miss that lose their connection, from now on."""
        self._store = self._log = MemoryStore(options, unnoticed, clock, counters)
        return self._store

    def keep_history(self, options: History, clock: Callable[[], Clock]) -> MemoryHistory:
        """Record from here on what is sent to rooms."""
        self._history = MemoryHistory(options, clock)
        return self._history

    def deliver(
        self,
        target: Target,
        args: Sequence[Any],
        flags: Flags = PLAIN,
        ack: AckCallback | None = None,
        source: Source | None = None,
        *,
        recoverable: bool | None = None,
    ) -> None:
        """Send an event to those clients here that it is for, and keep it for those that will ask for it.

        Args:
            target: Who it is for.
            args: Its name, then its arguments.
            flags: How it is delivered.
            ack: Called with the arguments of each acknowledgment.
            source: Where it came from, where that is known.
            recoverable: As for `LocalSink.emit`.
        """
        recorded = None
        if ack is None and not flags.volatile:
            if self._history is not None:
                self._history.record(target, args)
            log = self._log
            if log is not None and log.is_used(target.namespace):
                recorded = self._sink.encode(target, args, log.next_offset())
                log.record(target, recorded, source)
        self._sink.emit(target, args, flags, ack, recorded, recoverable=recoverable)

    def has_clients(self, namespace: str, room: Room) -> bool:
        """Tell whether a client is in a room here, or is away and may come back to it."""
        log = self._log
        return self._sink.has_members(namespace, room) or (
            log is not None and (namespace, room) in log.awaited
        )

    def is_awaited(self, namespace: str) -> bool:
        """Tell whether a client that is away may come back to a namespace."""
        return self._log is not None and self._log.awaited.has_namespace(namespace)

    def has_history(self, namespace: str, room: Room) -> bool:
        """Tell whether what is sent to a room is kept for those who come later."""
        return self._history is not None and self._history.keeps(namespace, room)

    def join(self, target: Target, rooms: Sequence[Room]) -> Awaitable[object] | None:
        """Put clients into rooms."""
        self._sink.join(target, rooms)
        return None

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

    def forget(self) -> None:
        """Forget what is kept: nobody who comes later can have been here."""
        if self._store is not None:
            self._store.clear()
