"""One client's connection to one namespace, as applications see it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rtserver.server.handshake import SocketHandshake
from rtserver.server.interface.backend import Backend, united
from rtserver.server.interface.socket_hooks import SocketHooks
from rtserver.server.interface.socket_operator import SocketChain, SocketOperator
from rtserver.server.membership import done
from rtserver.server.namespace import Room
from rtserver.server.socket import State

if TYPE_CHECKING:
    from rtserver.server.socket import Socket as Internal

__all__ = ["Socket"]


class Socket(SocketChain, SocketHooks):
    """A client of this server, in one namespace.

    `rtserver.Server.socket` returns it. Two of them are equal when they are the same client's in the same
    namespace; nothing needs to keep one, as all that it tells is kept elsewhere.

    Args:
        backend: The server.
        socket: The server's own object.
    """

    __slots__ = ("_backend", "_socket")

    def __init__(self, backend: Backend, socket: Internal) -> None:
        self._backend = backend
        self._socket = socket

    def __eq__(self, other: object) -> bool:
        """Return True for the same client in the same namespace."""
        return isinstance(other, Socket) and other._socket is self._socket

    def __hash__(self) -> int:
        """Return the hash of what it stands for."""
        return hash(self._socket)

    def __repr__(self) -> str:
        """Return the sid, the namespace and how far the socket has come."""
        state = self._socket.state.name.lower()
        return f"<Socket {self.id} in {self.namespace}: {state}>"

    # What it is.

    @property
    def id(self) -> str:
        """The session id, which is also a room of its own."""
        return self._socket.sid

    @property
    def sid(self) -> str:
        """The session id, by python-socketio's name."""
        return self._socket.sid

    @property
    def namespace(self) -> str:
        """The namespace's name."""
        return self._socket.namespace.name

    @property
    def handshake(self) -> SocketHandshake:
        """How the client came in. It is built anew each time: keep it where it is read often."""
        return SocketHandshake.of(self._socket)

    @property
    def transport(self) -> str:
        """``"polling"`` or ``"websocket"``."""
        return self._socket.client.session.transport_name

    @property
    def connected(self) -> bool:
        """True from when the client was accepted until it leaves."""
        return self._socket.state is State.CONNECTED

    @property
    def recovered(self) -> bool:
        """Whether the client has come back and was given what it had before."""
        return self._socket.recovered

    @property
    def rooms(self) -> set[Any]:
        """The rooms that it is in, its own among them; none once it has left. It is a copy."""
        socket = self._socket
        return set() if socket.state is State.GONE else set(socket.namespace.rooms_of(socket))

    def is_in(self, room: Room) -> bool:
        """Tell whether it is in a room; in none once it has left."""
        socket = self._socket
        if socket.state is State.GONE:
            return False
        return room == socket.sid or (socket.rooms is not None and room in socket.rooms)

    @property
    def data(self) -> dict[str, Any]:
        """The application's data of this client: the dictionary that `Server.get_session` returns."""
        socket = self._socket
        if socket.data is None:
            socket.data = {}
        return socket.data

    # What is done with it.

    async def join(self, *rooms: Room | Iterable[Room]) -> None:
        """Put the client into rooms. What is emitted to them after this returns reaches the client.

        Nothing is done for a client that has left.

        Args:
            rooms: Rooms, or lists of them.

        Raises:
            TooManyRooms: It is in as many as it may be. It has entered those that come before.
        """
        socket = self._socket
        if socket.state is not State.GONE:
            entered = united((), rooms)
            for room in entered:
                socket.namespace.enter(socket, room)
            await done(self._backend.manager.settle(socket.namespace.name, entered))

    async def leave(self, *rooms: Room | Iterable[Room]) -> None:
        """Take the client out of rooms, those that it is in.

        Args:
            rooms: Rooms, or lists of them.
        """
        for room in united((), rooms):
            self._socket.namespace.leave(self._socket, room)

    async def disconnect(self, close: bool = False) -> None:
        """Disconnect the client from the namespace. Its ``disconnect`` handler has ended when this returns.

        Args:
            close: Close its connection, with all its namespaces.
        """
        running = self._backend.local.end(self._socket, close)
        if running:
            await asyncio.wait(running)

    def _operator(self) -> SocketOperator:
        return SocketOperator(self._backend, self._socket)
