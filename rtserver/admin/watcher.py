"""Reports what every client does: mode "development".

Each socket gets listeners for all that it receives and sends, which makes its messages take the long way
through the server, and the events of its namespace as well.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from rtserver.admin.description import (
    described,
    described_peer,
    marked_data,
    room_name,
    shown_data,
    timestamp,
)
from rtserver.admin.reports import Reports
from rtserver.server.interface.backend import Backend
from rtserver.server.interface.socket import Socket as Facade
from rtserver.server.namespace import Room
from rtserver.server.socket import Socket, State
from rtserver.server.target import Target

__all__ = ["Watcher"]


class Watcher:
    """Watches the sockets of a server. It is a `RoomObserver`. Made before there are any.

    Args:
        backend: The server.
        reports: Where to report.
        namespace: The name of the admin namespace, whose events aren't reported: every report is one.
        now: Returns seconds since the epoch.
    """

    __slots__ = ("_backend", "_last", "_namespace", "_now", "_reports")

    def __init__(
        self, backend: Backend, reports: Reports, namespace: str, now: Callable[[], float] = time.time
    ) -> None:
        self._backend = backend
        self._reports = reports
        self._namespace = namespace
        self._now = now
        self._last: dict[Socket, tuple[str, Any]] = {}
        """The sockets whose connection was reported, each with its transport and data of that time."""
        backend.hub.on_socket = self._attach
        backend.hub.shared_data = marked_data
        backend.hub.observe(None, self)

    def _attach(self, socket: Socket) -> None:
        facade: Facade = self._backend.hub.facade(socket)
        facade.on("disconnect", partial(self._ended, socket))
        if socket.namespace.name != self._namespace:
            facade.on_any(partial(self._event, "event_received", socket))
            facade.on_any_outgoing(partial(self._event, "event_sent", socket))

    # What happens.

    def entered(self, socket: Socket, room: Room, created: bool) -> None:
        """Report that a client has entered a room; its own means that it is connected."""
        self._room("room_joined", socket, room)
        if room == socket.sid:
            self._last[socket] = (socket.client.session.transport_name, shown_data(socket))
            if self._reports.wanted:
                self._reports.send("socket_connected", described(socket), timestamp(self._now()))

    def left(self, socket: Socket, room: Room, deleted: bool) -> None:
        """Report that a client has left a room."""
        self._room("room_left", socket, room)

    def _room(self, event: str, socket: Socket, room: Room) -> None:
        if self._reports.wanted:
            name = socket.namespace.name
            self._reports.send(event, name, room_name(room), socket.sid, timestamp(self._now()))

    def _ended(self, socket: Socket, reason: str) -> None:
        if self._last.pop(socket, None) is not None and self._reports.wanted:  # else it was refused
            name = socket.namespace.name
            self._reports.send("socket_disconnected", name, socket.sid, reason, timestamp(self._now()))

    def _event(self, event: str, socket: Socket, *args: Any) -> None:
        if self._reports.wanted:
            name = socket.namespace.name
            self._reports.send(event, name, socket.sid, args, timestamp(self._now()))

    def report_changes(self) -> None:
        """Report what has changed of clients without an event that tells of it: transport and data."""
        for socket, last in list(self._last.items()):
            transport, data = now = (socket.client.session.transport_name, shown_data(socket))
            if now != last:
                self._last[socket] = now
                update = {
                    "id": socket.sid,
                    "nsp": socket.namespace.name,
                    "transport": transport,
                    "data": data,
                }
                self._reports.send("socket_updated", update)

    # What there is.

    async def all_sockets(self) -> list[dict[str, Any]]:
        """Describe the clients of all servers of the cluster, those of this one as they are in the end."""
        hub, manager = self._backend.hub, self._backend.manager
        names = sorted({*hub.namespaces, *hub.handlers.namespaces()})
        found: list[dict[str, Any]] = []
        if not manager.alone:
            answers = await asyncio.gather(
                *(manager.fetch(Target(name, ()), manager.request_timeout) for name in names)
            )
            for name, fetched in zip(names, answers, strict=True):
                found += [described_peer(name, details) for details in fetched.sockets]
        for namespace in hub.namespaces.values():
            found += [
                described(socket) for socket in namespace.sockets.values() if socket.state is State.CONNECTED
            ]
        return found
