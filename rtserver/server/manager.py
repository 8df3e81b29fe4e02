"""How the server and what connects it to other servers meet: one Protocol each way.

The server asks a `Manager` for whatever may concern clients of other servers. A manager asks the
`LocalSink` of its server for whatever concerns clients that are connected here. Both take the same
operations on the same `Target`, so that one interface of the application serves both.

A method that may have to wait returns something to await; one that is done returns None, so that the
common case costs no coroutine.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

from rtserver.clock import Clock
from rtserver.engineio.outgoing import Outgoing
from rtserver.server.acks import AckCallback
from rtserver.server.answers import Answers, Fetched, SocketDetails
from rtserver.server.counters import Counters
from rtserver.server.delivery.history import History, HistoryStore
from rtserver.server.inquiry import Inquiry
from rtserver.server.namespace import Room
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.server.recovery.store import RecoveryStore
from rtserver.server.room_events import RoomObserver
from rtserver.server.target import PLAIN, Flags, Target
from rtserver.socketio.codec import Codec

__all__ = ["PEER_TIMEOUT", "LocalSink", "Manager"]

PEER_TIMEOUT: Final = 5.0
"""Seconds that other servers have for an answer unless the manager is told otherwise, as in Node."""


class LocalSink(Protocol):
    """A server's own clients, for its manager."""

    @property
    def codec(self) -> Codec:
        """What events are encoded with."""

    def encode(self, target: Target, args: Sequence[Any], offset: str) -> Outgoing:
        """Encode an event as clients that can recover are sent it.

        Args:
            target: Who it is for.
            args: Its name, then its arguments.
            offset: What they tell to get what was sent after it.

        Raises:
            TypeError: An argument can't be serialized.
        """

    def emit(
        self,
        target: Target,
        args: Sequence[Any],
        flags: Flags = PLAIN,
        ack: AckCallback | None = None,
        recorded: Outgoing | None = None,
        *,
        recoverable: bool | None = None,
    ) -> None:
        """Send an event to those clients here that it is for.

        Args:
            target: Who it is for.
            args: Its name, then its arguments.
            flags: How it is delivered.
            ack: Called with the arguments of each acknowledgment.
            recorded: The same event as `encode` made it with its offset, where it can be sent again.
            recoverable: True for only those that can recover, False for only those that can't.

        Raises:
            TypeError: An argument can't be serialized.
        """

    def ask(
        self,
        target: Target,
        args: Sequence[Any],
        flags: Flags = PLAIN,
        on_answer: Callable[[Any], None] | None = None,
    ) -> Inquiry:
        """Send an event that each of its recipients here is to acknowledge.

        Args:
            target: Who it is for.
            args: Its name, then its arguments.
            flags: How it is delivered.
            on_answer: Called with each answer as it comes, as `Answers` has it.

        Returns:
            What collects the answers. Its `close` must be called in the end.

        Raises:
            TypeError: An argument can't be serialized.
        """

    def details(self, target: Target) -> list[SocketDetails]:
        """Describe the clients that are connected here."""

    def has_members(self, namespace: str, room: Room) -> bool:
        """Tell whether a client that is connected here is in a room."""

    def observe(self, observer: RoomObserver) -> None:
        """Let `observer` learn from now on who comes to any room here, and who goes."""

    def join(self, target: Target, rooms: Sequence[Room]) -> int:
        """Put clients that are connected here into rooms. Returns how many there are."""

    def leave(self, target: Target, rooms: Sequence[Room]) -> int:
        """Take clients that are connected here out of rooms. Returns how many there are."""

    def disconnect(self, target: Target, close: bool = False) -> Awaitable[object] | None:
        """Disconnect clients that are connected here.

        Args:
            target: Who.
            close: Close their connections, with all their namespaces.

        Returns:
            Their ``disconnect`` handlers, where those still run.
        """

    def server_side(self, namespace: str, args: Sequence[Any]) -> Awaitable[Sequence[Any] | None] | None:
        """Call the handler of an event that another server sent to its peers, at once.

        Returns:
            What gives the arguments of the answer, or None if the handler fails: then there is no answer.
            None where no handler is registered. The handler runs whether or not that is awaited.
        """


class Manager(Protocol):
    """Delivers to every server of a cluster, this one included."""

    @property
    def alone(self) -> bool:
        """True when no client is connected elsewhere, ever."""

    @property
    def request_timeout(self) -> float:
        """Seconds that other servers have for an answer where the application sets no time-out."""

    def attach(self, sink: LocalSink) -> None:
        """Learn whose manager this is, before anything else is called."""

    def recover(
        self,
        options: ConnectionStateRecovery,
        unnoticed: float,
        clock: Callable[[], Clock],
        counters: Counters,
    ) -> RecoveryStore:
        """Keep what clients miss that lose their connection, from now on.

        Args:
            options: For how long, and how much.
            unnoticed: Seconds until a lost connection is noticed, at the latest.
            clock: Returns the clock of the running loop.
            counters: Where it is counted what was forgotten.

        Returns:
            What keeps it: every event without acknowledgment that isn't volatile.
        """

    def start(self) -> Awaitable[None] | None:
        """Begin, once the event loop runs."""

    def open(self, namespace: str) -> None:
        """Listen for a namespace: called before its first client, and harmless the second time."""

    def shut(self, namespace: str) -> None:
        """Listen no longer for a namespace that only clients have named: called after the last of them here.

        Harmless for one that is not listened for.
        """

    def settle(self, namespace: str, rooms: Sequence[Room]) -> Awaitable[object] | None:
        """Wait, for a limited time, until what any server sends to rooms reaches the clients of this one.

        Args:
            namespace: The namespace.
            rooms: Rooms that a client which is connected here has entered.

        Returns:
            None where it is so at once.
        """

    def emit(
        self, target: Target, args: Sequence[Any], flags: Flags = PLAIN, ack: AckCallback | None = None
    ) -> Awaitable[None] | None:
        """Send an event to those clients, wherever they are connected, that it is for.

        Args:
            target: Who it is for.
            args: Its name, then its arguments.
            flags: How it is delivered.
            ack: Called with the arguments of each acknowledgment.
        """

    def ask(
        self,
        target: Target,
        args: Sequence[Any],
        flags: Flags,
        timeout: float | None,
    ) -> Awaitable[Answers]:
        """Send an event that each of its recipients is to acknowledge, and wait for that.

        Args:
            target: Who it is for.
            args: Its name, then its arguments.
            flags: How it is delivered.
            timeout: Seconds to wait; None to wait for as long as the clients are connected.
        """

    def fetch(self, target: Target, timeout: float) -> Awaitable[Fetched]:
        """Describe the clients that are connected to other servers.

        Args:
            target: Which clients.
            timeout: Seconds that the other servers have.
        """

    def join(self, target: Target, rooms: Sequence[Room]) -> Awaitable[object] | None:
        """Put clients, wherever they are connected, into rooms."""

    def leave(self, target: Target, rooms: Sequence[Room]) -> Awaitable[None] | None:
        """Take clients, wherever they are connected, out of rooms."""

    def disconnect(self, target: Target, close: bool = False) -> Awaitable[object] | None:
        """Disconnect clients, wherever they are connected; see `LocalSink.disconnect`."""

    def server_side_emit(self, namespace: str, args: Sequence[Any]) -> Awaitable[None] | None:
        """Send an event to the other servers themselves, not to their clients."""

    def server_side_ask(self, namespace: str, args: Sequence[Any], timeout: float) -> Awaitable[Answers]:
        """Send an event to the other servers themselves, and wait for their answers.

        Args:
            namespace: The namespace whose handlers are called.
            args: The event's name, then its arguments.
            timeout: Seconds that the other servers have.
        """

    def keep_history(self, options: History, clock: Callable[[], Clock]) -> HistoryStore:
        """Record from here on what is sent to rooms. Called once, and only where it is asked for.

        Args:
            options: Which rooms have a history, and how much of it is kept.
            clock: Returns the clock of the running loop.
        """

    def close(self) -> Awaitable[None] | None:
        """End. Nothing is called after this."""
