"""The rooms of this server, for a bus that carries to each server only what concerns it.

A room concerns a server while a client of it is there, or is away and may come back, or while the server
keeps the room's history.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol, runtime_checkable

from rtserver.server.namespace import Room
from rtserver.server.room_events import RoomObserver
from rtserver.server.socket import Socket

__all__ = [
    "LINGER",
    "FollowsRooms",
    "HasMembers",
    "LocalRooms",
    "RoomListener",
    "concerns",
    "concerns_any",
]

HasMembers = Callable[[str, Room], bool]
"""Tells whether an event for a room of a namespace concerns anyone here."""

LINGER: Final = 2.0
"""Seconds for which a room is still listened to that nobody is in: a reloaded page is back by then."""
MAX_DIGITS: Final = 20
"""Digits of a room's name that may be a number."""


class RoomListener(Protocol):
    """Listens to rooms while they have clients here. Their names are as channels have them."""

    def takes(self, room: str) -> bool:
        """Tell whether it is to be told of a room at all."""

    def listen(self, namespace: str, room: str) -> None:
        """Begin to listen to a room."""

    def ignore(self, namespace: str, room: str) -> None:
        """Listen to a room no longer."""

    def settle(self, namespace: str, rooms: Sequence[str]) -> Awaitable[object] | None:
        """Wait, for a limited time, until rooms are listened to. Returns None if they are already."""


@runtime_checkable
class FollowsRooms(Protocol):
    """A bus that asks for the rooms of its server."""

    def follow(self, rooms: LocalRooms) -> None:
        """Learn of them, before anything else."""


class LocalRooms:
    """The rooms of one server.

    Args:
        has_clients: Tells whether a client is in a room, or is away and may come back to it.
        has_history: Tells whether this server keeps a room's history.
        observe: Lets an observer learn who comes to any room, and who goes.
    """

    __slots__ = ("_has_clients", "_observe", "_watch", "has_history", "on_pass")

    def __init__(
        self,
        has_clients: HasMembers,
        has_history: HasMembers,
        observe: Callable[[RoomObserver], None],
    ) -> None:
        self._has_clients = has_clients
        self.has_history = has_history
        self._observe = observe
        self._watch: _Watch | None = None
        self.on_pass: Callable[[str, int], object] | None = None
        """Takes the sender and number of an event that has come here and concerned nobody."""

    def has_members(self, namespace: str, room: Room) -> bool:
        """Tell whether an event for a room concerns anyone here."""
        return self._has_clients(namespace, room) or self.has_history(namespace, room)

    def watch(self, listener: RoomListener) -> None:
        """Tell `listener`, from now on, which rooms have clients. Until then it costs nothing."""
        self._watch = _Watch(self._has_clients, listener)
        self._observe(self._watch)

    def is_watched(self, namespace: str, room: str) -> bool:
        """Tell whether a listener listens to a room."""
        return self._watch is not None and self._watch.has(namespace, room)

    def settle(self, namespace: str, rooms: Sequence[Room]) -> Awaitable[object] | None:
        """Wait, for a limited time, until what is sent to rooms reaches this server."""
        return None if self._watch is None else self._watch.settle(namespace, rooms)

    def expect(self, namespace: str, rooms: Sequence[Room]) -> Awaitable[object] | None:
        """Listen to rooms that somebody will come to, and wait as `settle` does."""
        return None if self._watch is None else self._watch.expect(namespace, rooms)

    def released(self, namespace: str, room: Room) -> None:
        """Take note that nobody who is away will come back to a room."""
        if self._watch is not None:
            self._watch.released(namespace, room)


class _Watch:
    """Keeps a listener informed. It is a `RoomObserver`."""

    def __init__(self, has_clients: HasMembers, listener: RoomListener) -> None:
        self._has_clients = has_clients
        self._listener = listener
        self._listening: set[tuple[str, str]] = set()
        self._empty: dict[tuple[str, str], float] = {}
        """What nobody is in, and when it ends to be listened to: the first to end at the front."""
        self._timer: asyncio.TimerHandle | None = None

    def has(self, namespace: str, room: str) -> bool:
        """Tell whether the listener listens to a room."""
        return (namespace, room) in self._listening

    def entered(self, socket: Socket, room: Room, created: bool) -> None:
        """Listen to a room that is new."""
        if created:
            self._listen(socket.namespace.name, room)

    def expect(self, namespace: str, rooms: Sequence[Room]) -> Awaitable[object] | None:
        """Listen to rooms that somebody will come to."""
        for room in rooms:
            self._listen(namespace, room)
        return self.settle(namespace, rooms)

    def settle(self, namespace: str, rooms: Sequence[Room]) -> Awaitable[object] | None:
        """Wait until rooms are listened to that have been entered."""
        names = [name for room in rooms if (name := self._name_of(room)) is not None]
        return self._listener.settle(namespace, names) if names else None

    def left(self, socket: Socket, room: Room, deleted: bool) -> None:
        """Listen no longer, before long, to a room that is gone."""
        if deleted:
            self.released(socket.namespace.name, room)

    def released(self, namespace: str, room: Room) -> None:
        """Listen no longer, before long, to a room unless somebody still is in it or may come back."""
        name = self._name_of(room)
        if name is None or (namespace, name) not in self._listening:
            return
        loop = asyncio.get_running_loop()
        self._empty.pop((namespace, name), None)
        self._empty[namespace, name] = loop.time() + LINGER
        if self._timer is None:
            self._timer = loop.call_later(LINGER, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        while self._empty:
            key, end = next(iter(self._empty.items()))
            if end > now:
                self._timer = loop.call_at(end, self._sweep, loop)
                return
            del self._empty[key]
            if not concerns(self._has_clients, *key):
                self._listening.discard(key)
                self._listener.ignore(*key)
        self._timer = None

    def _listen(self, namespace: str, room: Room) -> None:
        name = self._name_of(room)
        if name is None:
            return
        key = (namespace, name)
        if key not in self._listening:
            self._listening.add(key)
            self._listener.listen(*key)

    def _name_of(self, room: Room) -> str | None:
        """Return the name of a room that the listener takes."""
        if not isinstance(room, (str, int)):
            return None  # it means nothing to other servers
        name = str(room)
        return name if self._listener.takes(name) else None


def concerns(has_members: HasMembers, namespace: str, room: str) -> bool:
    """Tell whether a room concerns anyone here, by its name in a channel: 12 and "12" have the same."""
    return has_members(namespace, room) or (
        room.isdecimal() and len(room) <= MAX_DIGITS and has_members(namespace, int(room))
    )


def concerns_any(has_members: HasMembers, namespace: str, rooms: Sequence[Any]) -> bool:
    """Tell whether an event for any of some rooms concerns anyone here. No rooms mean everyone."""
    return not rooms or any(isinstance(room, str | int) and has_members(namespace, room) for room in rooms)
