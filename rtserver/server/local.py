"""A server's own clients: what is sent to them, and what else is done with many of them at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from typing import Any

from rtserver.errors import TooManyRooms
from rtserver.server.answers import SocketDetails
from rtserver.server.handshake import SocketHandshake
from rtserver.server.hub import Hub
from rtserver.server.leaving import Leaving
from rtserver.server.namespace import Room
from rtserver.server.room_events import RoomObserver
from rtserver.server.sending import Sending, recipients
from rtserver.server.server_events import ServerEvents
from rtserver.server.socket import Socket, State
from rtserver.server.target import Target

__all__ = ["Local"]


class Local(Sending):
    """The `LocalSink` of a server.

    Args:
        hub: The shared state.
        leaving: Disconnects clients.
        server_events: What handles events of other servers.
    """

    __slots__ = ("_leaving", "_server_events")

    def __init__(self, hub: Hub, leaving: Leaving, server_events: ServerEvents) -> None:
        super().__init__(hub)
        self._leaving = leaving
        self._server_events = server_events

    def sockets(self, target: Target) -> list[Socket]:
        """Return the clients that are connected here."""
        namespace = self._hub.namespaces.get(target.namespace)
        if namespace is None:
            return []
        return [socket for socket in recipients(namespace, target) if socket.state is State.CONNECTED]

    def details(self, target: Target) -> list[SocketDetails]:
        """Describe the clients that are connected here."""
        return [
            SocketDetails(
                socket.sid,
                SocketHandshake.of(socket).for_peer(),
                socket.namespace.rooms_of(socket),
                self._hub.shared_data(socket),
            )
            for socket in self.sockets(target)
        ]

    def has_members(self, namespace: str, room: Room) -> bool:
        """Tell whether a client that is connected here is in a room."""
        found = self._hub.namespaces.get(namespace)
        return found is not None and (room in found.rooms or room in found.sockets)

    def observe(self, observer: RoomObserver) -> None:
        """Let `observer` learn from now on who comes to any room here, and who goes."""
        self._hub.observe(None, observer)

    def join(self, target: Target, rooms: Sequence[Room]) -> int:
        """Put clients that are connected here into rooms, those that may be in as many."""
        namespace = self._hub.namespaces.get(target.namespace)
        if namespace is None:
            return 0
        members = recipients(namespace, target)
        for socket in members:
            with suppress(TooManyRooms):  # it is counted, and not the fault of others
                for room in rooms:
                    namespace.enter(socket, room)
        return len(members)

    def leave(self, target: Target, rooms: Sequence[Room]) -> int:
        """Take clients that are connected here out of rooms."""
        namespace = self._hub.namespaces.get(target.namespace)
        if namespace is None:
            return 0
        members = recipients(namespace, target)
        for socket in members:
            for room in rooms:
                namespace.leave(socket, room)
        return len(members)

    def disconnect(self, target: Target, close: bool = False) -> Awaitable[object] | None:
        """Disconnect clients that are connected here."""
        namespace = self._hub.namespaces.get(target.namespace)
        if namespace is None:
            return None
        running: set[asyncio.Task[Any]] = set()
        for socket in recipients(namespace, target):
            running |= self.end(socket, close)
        return asyncio.wait(running) if running else None

    def end(self, socket: Socket, close: bool = False) -> set[asyncio.Task[Any]]:
        """Disconnect one client.

        Args:
            socket: The client.
            close: Close its connection, after it has been told so for all its namespaces: from that a
                client knows that it isn't to come back by itself.

        Returns:
            Those of its ``disconnect`` handlers that still run, but for the one that calls this.
        """
        client = socket.client
        sockets = (socket, *client.sockets()) if close else (socket,)
        ended = {self._leaving.disconnect(each) for each in sockets}
        if close:
            client.session.close()
        return {task for task in ended if task is not None and task is not asyncio.current_task()}

    def server_side(self, namespace: str, args: Sequence[Any]) -> Awaitable[Sequence[Any] | None] | None:
        """Call the handler of an event that another server sent to its peers."""
        return self._server_events.call(namespace, args)
