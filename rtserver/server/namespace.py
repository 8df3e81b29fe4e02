"""The sockets of a namespace on this server, and the rooms that they are in.

Every socket is in the room that bears its sid. That room is implied: nothing is kept for it until another
socket enters it.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from typing import TYPE_CHECKING, Any

from rtserver.server.handlers import Found, HandlerRegistry, Lifecycle
from rtserver.server.room_events import RoomObserver
from rtserver.server.room_limit import RoomLimit
from rtserver.server.socket import Socket

if TYPE_CHECKING:
    from rtserver.server.delivery.slow_clients import SlowClientPolicy

__all__ = ["Namespace", "Room"]

Room = Hashable
"""A room's name: a string, where it is to mean anything to other servers of a cluster."""


class Namespace:
    """A namespace that has at least one socket.

    Args:
        name: Its name, with the slash.
        slow_clients: What is done with its events while a client is slow; None if they only wait.
        room_limit: How many rooms each of its clients may be in; None for any number.
    """

    __slots__ = (
        "_is_plain_unheard",
        "_room_limit",
        "events",
        "listening",
        "middlewares",
        "name",
        "observers",
        "on_connect",
        "on_disconnect",
        "parent",
        "plain",
        "received",
        "rooms",
        "slow_clients",
        "sockets",
    )

    def __init__(
        self, name: str, slow_clients: SlowClientPolicy | None = None, room_limit: RoomLimit | None = None
    ) -> None:
        self.name = name
        self.slow_clients = slow_clients
        self.sockets: dict[str, Socket] = {}
        self.rooms: dict[Room, dict[Socket, None]] = {}
        self.events: dict[str, Found] = {}
        """What handles an event, for events seen before."""
        self.observers: tuple[RoomObserver, ...] = ()
        """Who is told of what happens to rooms."""
        self.plain = slow_clients is None
        """Whether nothing but sending is to be done with an ordinary event for its clients."""
        self.received = 0
        """Events of its clients since the counters were given them."""
        self.listening = 0
        """How many sockets have outgoing catch-alls."""
        self._is_plain_unheard = True
        self._room_limit = room_limit
        self.on_connect: Lifecycle | None = None
        self.on_disconnect: Lifecycle | None = None
        self.middlewares: tuple[Found, ...] = ()
        """What a client has to pass before the ``connect`` handler."""
        self.parent: str | None = None
        """The scope of the dynamic namespace that this one is a case of."""

    def refresh(self, handlers: HandlerRegistry) -> None:
        """Look the handlers up, again if they have changed."""
        self.events.clear()
        self.on_connect = handlers.find_lifecycle(self.name, "connect", self.parent)
        self.on_disconnect = handlers.find_lifecycle(self.name, "disconnect", self.parent)
        self.middlewares = handlers.middlewares(self.name, self.parent)

    def listen(self) -> None:
        """Take note that a socket has outgoing catch-alls."""
        if not self.listening:
            self._is_plain_unheard = self.plain
            self.plain = False
        self.listening += 1

    def unlisten(self) -> None:
        """Take note that a socket has none any more."""
        self.listening -= 1
        if not self.listening:
            self.plain = self._is_plain_unheard

    def add(self, socket: Socket) -> None:
        """Take a new socket."""
        self.sockets[socket.sid] = socket
        if socket.sid in self.rooms:  # others have entered the room of a client that was away
            self.rooms[socket.sid][socket] = None

    def enter(self, socket: Socket, room: Room) -> None:
        """Put `socket` into `room`.

        Raises:
            TooManyRooms: It is in as many as it may be.
        """
        owner = self.sockets.get(room)  # type: ignore[call-overload]
        if owner is socket:
            return
        if socket.rooms is None:
            socket.rooms = {room: None}
        elif room in socket.rooms:
            return
        elif self._room_limit is not None and len(socket.rooms) >= self._room_limit.most:
            self._room_limit.refuse(socket.sid)
        else:
            socket.rooms[room] = None
        if socket.recovery is not None:
            socket.recovery.moved(room, True)
        members = self.rooms.get(room)
        if members is None:
            self.rooms[room] = {socket: None} if owner is None else {owner: None, socket: None}
        else:
            members[socket] = None
        for observer in self.observers:
            observer.entered(socket, room, members is None and owner is None)

    def leave(self, socket: Socket, room: Room) -> None:
        """Take `socket` out of `room`, if it is there. It can't leave its own."""
        rooms = socket.rooms
        if rooms is None or room not in rooms:
            return
        del rooms[room]
        if socket.recovery is not None:
            socket.recovery.moved(room, False)
        if not rooms:
            socket.rooms = None
        self._drop(socket, room)

    def discard(self, socket: Socket, was_accepted: bool = True) -> None:
        """Forget `socket` and its rooms.

        Args:
            socket: The socket.
            was_accepted: Whether it was ever in its own room, as those who watch rooms see it.
        """
        if self.sockets.pop(socket.sid, None) is None:
            return
        if socket.hooks is not None and socket.hooks.outgoing:
            self.unlisten()
        socket.hooks = None
        deleted = socket.sid not in self.rooms or self._remove(socket, socket.sid)
        if was_accepted:
            for observer in self.observers:
                observer.left(socket, socket.sid, deleted)
        if socket.rooms is not None:
            rooms, socket.rooms = socket.rooms, None
            for room in rooms:
                self._drop(socket, room)

    def rooms_of(self, socket: Socket) -> list[Any]:
        """Return the rooms of a socket, its own first."""
        return [socket.sid, *(socket.rooms or ())]

    def members(self, room: Room) -> Collection[Socket]:
        """Return who is in `room`. The collection may be the room itself: copy it before anything changes."""
        if (members := self.rooms.get(room)) is not None:
            return members
        socket = self.sockets.get(room)  # type: ignore[call-overload]
        return () if socket is None else (socket,)

    def union(self, rooms: Iterable[Room]) -> dict[Socket, None]:
        """Return who is in any of `rooms`, each socket once."""
        union: dict[Socket, None] = {}
        for room in rooms:
            union.update(dict.fromkeys(self.members(room)))
        return union

    def _drop(self, socket: Socket, room: Room) -> None:
        deleted = self._remove(socket, room)
        for observer in self.observers:
            observer.left(socket, room, deleted)

    def _remove(self, socket: Socket, room: Room) -> bool:
        """Take a socket out of a room. Returns True when nobody is left in it."""
        members = self.rooms[room]
        members.pop(socket, None)
        if not members or (len(members) == 1 and room == next(iter(members)).sid):
            del self.rooms[room]
        return not members
