"""Tells all admins, at whatever server of the cluster, what happens here."""

from __future__ import annotations

import asyncio
from typing import Any

from rtserver.server.interface.backend import Backend
from rtserver.server.membership import done
from rtserver.server.namespace import Room
from rtserver.server.socket import Socket
from rtserver.server.target import Target

__all__ = ["Reports"]


class Reports:
    """Sends events to the admin namespace. It is a `RoomObserver` of that.

    Args:
        backend: The server.
        namespace: The name of the admin namespace.
    """

    __slots__ = ("_admins", "_backend", "_here")

    def __init__(self, backend: Backend, namespace: str) -> None:
        self._backend = backend
        self._admins = Target(namespace, ())
        self._here: set[Socket] = set()
        """The admins of this server that were let in: whoever asks to come in has reports made for nobody."""
        backend.hub.observe(namespace, self, early=True)

    def entered(self, socket: Socket, room: Room, created: bool) -> None:
        """Take note of an admin: one that enters its own room is connected."""
        if room == socket.sid:
            self._here.add(socket)

    def left(self, socket: Socket, room: Room, deleted: bool) -> None:
        """Take note that an admin has gone."""
        if room == socket.sid:
            self._here.discard(socket)

    @property
    def wanted(self) -> bool:
        """Whether there may be an admin who sees them: for nobody they needn't be made."""
        return bool(self._here) or not self._backend.manager.alone

    def send(self, event: str, *args: Any) -> None:
        """Send an event with these arguments, which is encoded before this returns."""
        waiting = self._backend.manager.emit(self._admins, [event, *args])
        if waiting is not None:
            self._backend.hub.runtime().keep(asyncio.ensure_future(done(waiting)))
