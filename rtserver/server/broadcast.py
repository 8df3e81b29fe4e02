"""Emits to the clients that are connected here: encoded once, then one call for each recipient."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Sequence
from typing import Any

from rtserver.server import acks
from rtserver.server.acks import AckCallback
from rtserver.server.connecting import Connecting
from rtserver.server.hub import Hub, deliver
from rtserver.server.namespace import Namespace, Room
from rtserver.server.socket import Socket

__all__ = ["Broadcast"]


class Broadcast:
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

    def emit(
        self,
        namespace: str,
        args: Sequence[Any],
        rooms: Sequence[Room] = (),
        except_rooms: Sequence[Room] = (),
        ack: AckCallback | None = None,
    ) -> int:
        """Send an event to those clients here that it is for."""
        found = self._hub.namespaces.get(namespace)
        if found is None:
            return 0
        members = self._recipients(found, rooms, except_rooms)
        if ack is not None:
            for socket in members:
                self.emit_to(socket, args, ack)
        elif members:
            outgoing = self._hub.codec.encode_event(namespace, None, args)
            for socket in members:
                socket.recipient.send_outgoing(outgoing)
        return len(members)

    def emit_to(self, socket: Socket, args: Sequence[Any], ack: AckCallback | None = None) -> None:
        """Send an event to one client."""
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

    def _recipients(
        self, namespace: Namespace, rooms: Sequence[Room], except_rooms: Sequence[Room]
    ) -> Collection[Socket]:
        """Return who the event is for: a copy, as sending to a slow client may end it."""
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

    # For managers.

    def has_client(self, namespace: str, sid: str) -> bool:
        """Tell whether this client is connected here."""
        return self._hub.find(namespace, sid) is not None

    def enter_room(self, namespace: str, sid: str, room: Room) -> bool:
        """Put a client into a room. Returns False when it isn't connected here."""
        socket = self._hub.find(namespace, sid)
        if socket is not None:
            socket.namespace.enter(socket, room)
        return socket is not None

    def leave_room(self, namespace: str, sid: str, room: Room) -> bool:
        """Take a client out of a room. Returns False when it isn't connected here."""
        socket = self._hub.find(namespace, sid)
        if socket is not None:
            socket.namespace.leave(socket, room)
        return socket is not None

    def close_room(self, namespace: str, room: Room) -> None:
        """Take every client that is connected here out of a room."""
        found = self._hub.namespaces.get(namespace)
        if found is not None:
            found.close(room)

    def disconnect(self, namespace: str, sid: str) -> Awaitable[object] | None:
        """Disconnect a client, if it is connected here."""
        socket = self._hub.find(namespace, sid)
        return None if socket is None else self._connecting.disconnect(socket)
