"""What an application asks of a client, and does with it: rooms, session data, environ, disconnect."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any

from rtserver.server.environ import environ_of
from rtserver.server.hub import Hub
from rtserver.server.local import Local
from rtserver.server.manager import Manager
from rtserver.server.namespace import Room
from rtserver.server.registration import MAIN
from rtserver.server.session import SessionContext
from rtserver.server.target import Target

__all__ = ["Membership", "done"]


class Membership:
    """The methods of a server that concern one client, other than sending to it."""

    manager: Manager
    logger: logging.Logger
    _hub: Hub
    _local: Local
    _verbose: bool

    # Rooms.

    def rooms(self, sid: str, namespace: str | None = None) -> list[Any]:
        """Return the rooms that a client is in, its own first; none for one that isn't connected."""
        socket = self._hub.find(namespace or MAIN, sid)
        return [] if socket is None else socket.namespace.rooms_of(socket)

    async def enter_room(self, sid: str, room: Room, namespace: str | None = None) -> None:
        """Put a client into a room. What is emitted to the room after this returns reaches the client.

        Raises:
            ValueError: The client isn't connected.
            TooManyRooms: It is in as many rooms as it may be.
        """
        name = namespace or MAIN
        if self._verbose:
            self.logger.info("%s is entering room %s [%s]", sid, room, name, extra=_fields(name, sid, room))
        socket = self._hub.find(name, sid)
        if socket is not None:
            socket.namespace.enter(socket, room)
            await done(self.manager.settle(name, (room,)))
        elif self.manager.alone:
            raise ValueError(f"{sid!r} can't enter room {room!r}: it is not connected to namespace {name!r}")
        else:
            await done(self.manager.join(Target(name, (sid,)), (room,)))

    async def leave_room(self, sid: str, room: Room, namespace: str | None = None) -> None:
        """Take a client out of a room. Harmless when it isn't in it."""
        name = namespace or MAIN
        if self._verbose:
            self.logger.info("%s is leaving room %s [%s]", sid, room, name, extra=_fields(name, sid, room))
        socket = self._hub.find(name, sid)
        if socket is not None:
            socket.namespace.leave(socket, room)
        else:
            await done(self.manager.leave(Target(name, (sid,)), (room,)))

    async def close_room(self, room: Room, namespace: str | None = None) -> None:
        """Take every client out of a room. A client whose own room it is stays in it."""
        name = namespace or MAIN
        if self._verbose:
            self.logger.info("room %s is closing [%s]", room, name, extra={"namespace": name, "room": room})
        await done(self.manager.leave(Target(name, (room,)), (room,)))

    # Clients.

    async def get_session(self, sid: str, namespace: str | None = None) -> dict[str, Any]:
        """Return the application's data of a client: a dictionary that lives as long as its connection.

        Raises:
            KeyError: The client isn't connected here.
        """
        socket = self._hub.connected(namespace or MAIN, sid)
        if socket.data is None:
            socket.data = {}
        return socket.data

    async def save_session(self, sid: str, session: dict[str, Any], namespace: str | None = None) -> None:
        """Replace the application's data of a client.

        Raises:
            KeyError: The client isn't connected here.
        """
        self._hub.connected(namespace or MAIN, sid).data = session

    def session(self, sid: str, namespace: str | None = None) -> SessionContext:
        """Return a context manager that gives the data of a client, and saves it at the end.

        async with sio.session(sid) as session:
            session["username"] = username
        """
        return SessionContext(self, sid, namespace)

    def transport(self, sid: str, namespace: str | None = None) -> str:
        """Return ``"polling"`` or ``"websocket"``.

        Raises:
            KeyError: The client isn't connected here.
        """
        return self._hub.connected(namespace or MAIN, sid).client.session.transport_name

    def get_environ(self, sid: str, namespace: str | None = None) -> dict[str, Any] | None:
        """Return the WSGI-like description of the request that a client came with; None if it isn't here.

        It is built anew each time, until the application has written to it. ``aiohttp.request`` is in it
        until the client is in every namespace that has a ``connect`` handler, or the time to connect is over.
        """
        socket = self._hub.find(namespace or MAIN, sid)
        return None if socket is None else environ_of(socket)

    async def disconnect(self, sid: str, namespace: str | None = None, ignore_queue: bool = False) -> None:
        """Disconnect a client from a namespace. Its ``disconnect`` handler has ended when this returns.

        Args:
            sid: The client.
            namespace: The namespace, the main one if omitted.
            ignore_queue: Only if it is connected here, without asking the manager.
        """
        name = namespace or MAIN
        if self._verbose:
            self.logger.info("disconnecting %s [%s]", sid, name, extra={"namespace": name, "client": sid})
        socket = self._hub.find(name, sid)
        if socket is not None:
            running = self._local.end(socket)
            if running:
                await asyncio.wait(running)
        elif not ignore_queue:
            await done(self.manager.disconnect(Target(name, (sid,))))


async def done(waiting: Awaitable[object] | None) -> None:
    """Wait for what a manager has returned, if it has to wait."""
    if waiting is not None:
        await waiting


def _fields(namespace: str, sid: str, room: Room) -> dict[str, object]:
    return {"namespace": namespace, "client": sid, "room": room}
