"""What carries messages between the servers of a cluster: one Protocol for all the ways to do it.

A bus knows nothing of clients, rooms or acknowledgments. `rtserver.cluster.clustered` knows nothing of Redis,
sockets or formats.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from rtserver.clock import Clock
from rtserver.cluster.message import Message
from rtserver.server.counters import Counters
from rtserver.server.manager import LocalSink
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.server.recovery.store import RecoveryStore
from rtserver.socketio.codec import Codec

__all__ = ["MEETING", "Bus", "CarriesText", "Census", "KeepsEvents", "Receive"]

MEETING: Final = "/"
"""The namespace that every server listens for from the start: there they tell each other of themselves."""

Receive = Callable[[Message], None]
"""Takes a message of another server. It returns at once and raises nothing."""


@dataclass(frozen=True, slots=True)
class Census:
    """The other servers that will get a message of a namespace."""

    count: int
    uids: frozenset[str]
    """The ids of those that are known by name: not more than `count`."""


class Bus(Protocol):
    """Carries messages to the other servers of the cluster."""

    @property
    def uid(self) -> str:
        """The id of this server."""

    def start(self, receive: Receive) -> Awaitable[None]:
        """Connect, and hand over the messages of others from now on.

        A bus that notices that a server has gone hands over a ``CLOSE`` in its name.
        """

    def open(self, namespace: str) -> None:
        """Begin to listen for a namespace: called before its first client, and harmless the second time."""

    def shut(self, namespace: str) -> None:
        """Listen for a namespace no longer. It may be opened again. `MEETING` is never shut."""

    def send(self, message: Message, room: str | None = None) -> None:
        """Send a message to all other servers, now or when they can be reached again.

        Args:
            message: The message.
            room: The one room that it is for, where that is so: servers without members needn't get it.

        Raises:
            TypeError: Something in the message can't be serialized.
        """

    def reply(self, uid: str, message: Message) -> None:
        """Send a message to one other server, which has asked for it."""

    def census(self, namespace: str) -> Awaitable[Census]:
        """Count the other servers that listen for a namespace."""

    def close(self) -> Awaitable[None]:
        """Leave the cluster."""


@runtime_checkable
class CarriesText(Protocol):
    """A bus that carries events as clients are sent them: all its servers have the same codec."""

    def carry(self, codec: Codec) -> None:
        """Learn how this server encodes events, before anything else."""


@runtime_checkable
class KeepsEvents(Protocol):
    """A bus that keeps the events that it carries, so that clients get from there what they have missed."""

    def recover(
        self,
        sink: LocalSink,
        options: ConnectionStateRecovery,
        unnoticed: float,
        clock: Callable[[], Clock],
        counters: Counters,
    ) -> RecoveryStore:
        """Do so from now on, and send own events to those clients of this server that can recover.

        Args:
            sink: This server's clients.
            options: For how long, and how much.
            unnoticed: Seconds until a lost connection is noticed, at the latest.
            clock: Returns the clock of the running loop.
            counters: Where it is counted who came back, and who didn't.
        """
