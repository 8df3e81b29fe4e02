"""Who is in a room, and what may be told of them; and news of that for those in the room."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rtserver.clock import Timer
from rtserver.server.delivery.history import JOINED, LEFT, Patterns, matches
from rtserver.server.namespace import Room
from rtserver.server.target import Target

if TYPE_CHECKING:
    from rtserver.server.hub import Hub
    from rtserver.server.socket import Socket

__all__ = ["Announcer", "Presence", "PresencePage"]

Key = tuple[str, Room, str]
"""Namespace, room and sid."""


@dataclass(frozen=True, slots=True)
class Presence:
    """Which rooms tell who is in them, and what they tell.

    Args:
        rooms: A pattern of room names, such as ``"chat:*"``, or a list of patterns; `*` stands for any
            characters.
        info: The keys of a client's session that are told of it, besides its sid.
        max_members: Members that a page lists at most. It counts all of them.
        announce: Whether the members of a room are told who comes and goes, by the events
            ``presence_join`` and ``presence_leave``.
        grace: Seconds after which it is told that a client has left. One that has come back by then, with
            its sid, was never gone.
        in_namespaces: Patterns for the rooms of single namespaces, in the place of `rooms`.
        info_in_namespaces: Further keys of sessions that are told in single namespaces.

    Raises:
        ValueError: A number is out of range.
    """

    rooms: Patterns
    info: Sequence[str] = ()
    max_members: int = 1000
    announce: bool = False
    grace: float = 0.0
    in_namespaces: Mapping[str, Patterns] = field(default_factory=dict)
    info_in_namespaces: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:  # noqa: D105
        if self.max_members <= 0:
            raise ValueError(f"max_members: received {self.max_members!r}, expected a number greater than 0")
        if self.grace < 0:
            raise ValueError(f"grace: received {self.grace!r}, expected 0 seconds or more")

    def covers(self, namespace: str, room: Room) -> bool:
        """Tell whether a room tells who is in it."""
        return matches(self.in_namespaces.get(namespace, self.rooms), room)

    def of(self, namespace: str, data: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return what is told of a client of a namespace with this session."""
        told = (*self.info, *self.info_in_namespaces.get(namespace, ()))
        return {} if data is None else {key: data[key] for key in told if key in data}


class PresencePage(dict[str, dict[str, Any]]):
    """The members of a room: what is told of each, by sid.

    Args:
        members: The members, `Presence.max_members` of them at most.
        count: How many there are.
        silent: The servers of the cluster that did not answer in time; their clients are missing.
    """

    __slots__ = ("count", "silent")

    def __init__(self, members: Mapping[str, dict[str, Any]], count: int, silent: Sequence[str] = ()) -> None:
        super().__init__(members)
        self.count = count
        self.silent = tuple(silent)


class Announcer:
    """Tells the members of a room who comes and goes. It is a `RoomObserver`.

    Args:
        hub: The shared state.
        options: Which rooms, and what is told.
        emit: Sends an event to every server of the cluster.
    """

    __slots__ = ("_coming", "_emit", "_hub", "_leaving", "_options")

    def __init__(self, hub: Hub, options: Presence, emit: Callable[[Target, Sequence[Any]], Any]) -> None:
        self._hub = hub
        self._options = options
        self._emit = emit
        self._coming: set[Key] = set()
        self._leaving: dict[Key, Timer] = {}

    def entered(self, socket: Socket, room: Room, created: bool) -> None:
        """Tell the others, once the handler that put the client into the room may have filled its session."""
        if not self._is_meant(socket, room):
            return
        key = (socket.namespace.name, room, socket.sid)
        timer = self._leaving.pop(key, None)
        if timer is not None:
            timer.cancel()
            return
        self._coming.add(key)
        self._hub.runtime().loop.call_soon(self._entered, socket, room, key)

    def _entered(self, socket: Socket, room: Room, key: Key) -> None:
        if key in self._coming:
            self._coming.remove(key)
            self._tell(JOINED, socket, room, self._options.of(socket.namespace.name, socket.data))

    def left(self, socket: Socket, room: Room, deleted: bool) -> None:
        """Tell the others, when the client has not come back in time."""
        if not self._is_meant(socket, room):
            return
        key = (socket.namespace.name, room, socket.sid)
        if key in self._coming:  # nobody has heard of it
            self._coming.remove(key)
            return
        info = self._options.of(socket.namespace.name, socket.data)
        if not self._options.grace:
            self._tell(LEFT, socket, room, info)
            return

        def gone() -> None:
            del self._leaving[key]
            self._tell(LEFT, socket, room, info)

        timer = self._leaving[key] = Timer(self._hub.runtime().clock, gone)
        timer.set(self._options.grace)

    def _is_meant(self, socket: Socket, room: Room) -> bool:
        return room != socket.sid and self._options.covers(socket.namespace.name, room)

    def _tell(self, event: str, socket: Socket, room: Room, info: dict[str, Any]) -> None:
        target = Target(socket.namespace.name, (room,), (socket.sid,))
        try:
            waiting = self._emit(target, (event, {"room": room, "sid": socket.sid, "info": info}))
        except Exception as error:  # noqa: BLE001 - the application's info; the client must leave all the same
            self._hub.handler_failed(socket, event, error)
        else:
            if waiting is not None:
                self._hub.run(socket, event, waiting)
