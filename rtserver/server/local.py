"""A server's own clients: what is sent to them, and what else is done with many of them at once.

A broadcast is encoded once; then it is one call for each recipient.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Any

from rtserver.engineio.outgoing import Outgoing
from rtserver.server import acks
from rtserver.server.acks import AckCallback
from rtserver.server.answers import SocketDetails
from rtserver.server.connecting import Connecting
from rtserver.server.hub import Hub, deliver
from rtserver.server.inquiry import Inquiry
from rtserver.server.namespace import Namespace, Room
from rtserver.server.socket import Socket, State
from rtserver.server.target import PLAIN, Flags, Target

__all__ = ["Local"]


class Local:
    """The `LocalSink` of a server.

    Args:
        hub: The shared state.
        connecting: Disconnects clients.
    """

    __slots__ = ("_connecting", "_encode_one", "_hub")

    def __init__(self, hub: Hub, connecting: Connecting) -> None:
        self._hub = hub
        self._connecting = connecting
        # For one recipient a codec may spare the object that holds a message's other wire forms.
        self._encode_one = getattr(hub.codec, "encode_event_text", hub.codec.encode_event)

    # Events.

    def emit(
        self, target: Target, args: Sequence[Any], flags: Flags = PLAIN, ack: AckCallback | None = None
    ) -> None:
        """Send an event to those clients here that it is for."""
        namespace = self._hub.namespaces.get(target.namespace)
        if namespace is None:
            return
        members = _recipients(namespace, target)
        if ack is not None:
            for socket in members:
                self.emit_to(socket, args, ack)
        elif members:
            outgoing = self._hub.codec.encode_event(target.namespace, None, args)
            if flags is PLAIN and namespace.plain:
                for socket in members:
                    socket.recipient.send_outgoing(outgoing)
            else:
                self._send(members, outgoing, flags)

    def emit_to(self, socket: Socket, args: Sequence[Any], ack: AckCallback | None = None) -> None:
        """Send an ordinary event to one client."""
        if ack is None:
            deliver(socket.recipient, self._encode_one(socket.namespace.name, None, args))
            return
        ack_id = acks.expect(socket, ack)
        try:
            packet = self._encode_one(socket.namespace.name, ack_id, args)
        except BaseException:
            acks.take(socket, ack_id)
            raise
        deliver(socket.recipient, packet)

    def ask(
        self,
        target: Target,
        args: Sequence[Any],
        flags: Flags = PLAIN,
        on_answer: Callable[[Any], None] | None = None,
    ) -> Inquiry:
        """Send an event that each of its recipients here is to acknowledge."""
        hub = self._hub
        inquiry = Inquiry(hub.runtime(), on_answer)
        namespace = hub.namespaces.get(target.namespace)
        if namespace is None:
            return inquiry
        try:
            for socket in _recipients(namespace, target):
                if socket.state is State.CONNECTED:
                    packet = hub.codec.encode_event(target.namespace, inquiry.expect(socket), args)
                    self._send((socket,), packet, flags)
        except BaseException:
            inquiry.close()
            raise
        return inquiry

    def _send(self, members: Iterable[Socket], outgoing: Outgoing, flags: Flags) -> None:
        for socket in members:
            if not flags.volatile or (socket.state is State.CONNECTED and socket.client.session.writable):
                socket.recipient.send_outgoing(outgoing)

    # Clients.

    def sockets(self, target: Target) -> list[Socket]:
        """Return the clients that are connected here."""
        namespace = self._hub.namespaces.get(target.namespace)
        if namespace is None:
            return []
        return [socket for socket in _recipients(namespace, target) if socket.state is State.CONNECTED]

    def details(self, target: Target) -> list[SocketDetails]:
        """Describe the clients that are connected here."""
        return [
            SocketDetails(socket.sid, {}, socket.namespace.rooms_of(socket), socket.data or {})
            for socket in self.sockets(target)
        ]

    def join(self, target: Target, rooms: Sequence[Room]) -> int:
        """Put clients that are connected here into rooms."""
        namespace = self._hub.namespaces.get(target.namespace)
        if namespace is None:
            return 0
        members = _recipients(namespace, target)
        for socket in members:
            for room in rooms:
                namespace.enter(socket, room)
        return len(members)

    def leave(self, target: Target, rooms: Sequence[Room]) -> int:
        """Take clients that are connected here out of rooms."""
        namespace = self._hub.namespaces.get(target.namespace)
        if namespace is None:
            return 0
        members = _recipients(namespace, target)
        for socket in members:
            for room in rooms:
                namespace.leave(socket, room)
        return len(members)

    def disconnect(self, target: Target, close: bool = False) -> Awaitable[object] | None:
        """Disconnect clients that are connected here."""
        namespace = self._hub.namespaces.get(target.namespace)
        if namespace is None:
            return None
        running = []
        for socket in _recipients(namespace, target):
            task = self._connecting.disconnect(socket)
            if close:
                socket.client.session.close()
            if task is not None and task is not asyncio.current_task():
                running.append(task)
        return asyncio.wait(running) if running else None

    # Other servers.

    def server_side(self, namespace: str, args: Sequence[Any]) -> Awaitable[Any] | None:
        """Call the handlers of an event that another server sent to its peers. There are none."""
        return None


def _recipients(namespace: Namespace, target: Target) -> Collection[Socket]:
    """Return who is meant: a copy, as sending to a slow client may end it."""
    _, rooms, except_rooms = target
    members: Collection[Socket]
    if not rooms:
        members = namespace.sockets.values()
    elif len(rooms) == 1:
        members = namespace.members(rooms[0])
    else:
        members = namespace.union(rooms)
    if not except_rooms:
        return tuple(members)
    skipped = namespace.union(except_rooms)
    return [socket for socket in members if socket not in skipped]
