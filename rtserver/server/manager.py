"""How the server and what connects it to other servers meet: one Protocol each way.

The server asks a `Manager` for whatever may concern clients of other servers. A manager asks the
`LocalSink` of its server for whatever concerns clients that are connected here.

An event travels as its arguments, its name first, with the rooms that it is for and the rooms that it
is not for. No rooms mean everyone in the namespace; a client's sid is a room of its own. This is how
the adapters of Socket.IO describe a broadcast, whichever way it then travels.

A method that may have to wait returns something to await; one that is done returns None, so that the
common case costs no coroutine.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any, Protocol

from rtserver.server.acks import AckCallback
from rtserver.server.namespace import Room

__all__ = ["LocalSink", "Manager"]


class LocalSink(Protocol):
    """A server's own clients, for its manager."""

    def emit(
        self,
        namespace: str,
        args: Sequence[Any],
        rooms: Sequence[Room] = (),
        except_rooms: Sequence[Room] = (),
        ack: AckCallback | None = None,
    ) -> int:
        """Send an event to those clients here that it is for.

        Returns:
            How many clients it was sent to.

        Raises:
            TypeError: An argument can't be serialized.
        """

    def has_client(self, namespace: str, sid: str) -> bool:
        """Tell whether this client is connected here."""

    def enter_room(self, namespace: str, sid: str, room: Room) -> bool:
        """Put a client into a room. Returns False when it isn't connected here."""

    def leave_room(self, namespace: str, sid: str, room: Room) -> bool:
        """Take a client out of a room. Returns False when it isn't connected here."""

    def close_room(self, namespace: str, room: Room) -> None:
        """Take every client that is connected here out of a room."""

    def disconnect(self, namespace: str, sid: str) -> Awaitable[object] | None:
        """Disconnect a client, if it is connected here.

        Returns:
            Its ``disconnect`` handler, where that still runs.
        """


class Manager(Protocol):
    """Delivers to every server of a cluster, this one included."""

    def attach(self, sink: LocalSink) -> None:
        """Learn whose manager this is, before anything else is called."""

    def start(self) -> Awaitable[None] | None:
        """Begin, once the event loop runs."""

    def emit(
        self,
        namespace: str,
        args: Sequence[Any],
        rooms: Sequence[Room] = (),
        except_rooms: Sequence[Room] = (),
        ack: AckCallback | None = None,
    ) -> Awaitable[None] | None:
        """Send an event to those clients, wherever they are connected, that it is for.

        Args:
            namespace: The namespace of the event.
            args: Its name, then its arguments.
            rooms: Who it is for, each client once; empty for everyone.
            except_rooms: Who it is not for.
            ack: Called with each acknowledgment.
        """

    def call(
        self, namespace: str, args: Sequence[Any], sid: str, timeout: float | None
    ) -> Awaitable[Sequence[Any]]:
        """Send an event to a client that is not connected here, and wait for its acknowledgment.

        Raises:
            socketio.exceptions.TimeoutError: None came in time.
        """

    def enter_room(self, namespace: str, sid: str, room: Room) -> Awaitable[None] | None:
        """Put a client that is not connected here into a room.

        Raises:
            ValueError: There is no such client.
        """

    def leave_room(self, namespace: str, sid: str, room: Room) -> Awaitable[None] | None:
        """Take a client that is not connected here out of a room."""

    def close_room(self, namespace: str, room: Room) -> Awaitable[None] | None:
        """Take every client out of a room."""

    def disconnect(self, namespace: str, sid: str) -> Awaitable[None] | None:
        """Disconnect a client that is not connected here."""

    def close(self) -> Awaitable[None] | None:
        """End. Nothing is called after this."""
