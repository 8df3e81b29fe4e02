"""What happens to rooms, for who wants to know: the application's handlers, history, presence.

The events are those of Node's adapters: ``create-room``, ``join-room``, ``leave-room``, ``delete-room``.
Every client is in the room that bears its sid, and that room has them, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from rtserver.server.handlers import is_coroutine_function

if TYPE_CHECKING:
    from rtserver.server.hub import Hub
    from rtserver.server.namespace import Room
    from rtserver.server.socket import Socket

__all__ = ["ROOM_EVENTS", "RoomHandler", "RoomObserver"]

ROOM_EVENTS: Final = ("create-room", "delete-room", "join-room", "leave-room")


class RoomObserver(Protocol):
    """Learns who comes to a room of a namespace and who goes, after it has happened."""

    def entered(self, socket: Socket, room: Room, created: bool) -> None:
        """Take note that `socket` has entered `room`, which did not exist before if it was `created`."""

    def left(self, socket: Socket, room: Room, deleted: bool) -> None:
        """Take note that `socket` has left `room`, which is gone with it if it was `deleted`."""


class RoomHandler:
    """One handler of the application's for the rooms of a namespace. It is a `RoomObserver`.

    Args:
        hub: The shared state.
        event: Which of `ROOM_EVENTS` it is for.
        function: A plain or an ``async def`` function.

    Raises:
        ValueError: There is no such event.
    """

    __slots__ = ("_event", "_function", "_hub", "_is_async")

    def __init__(self, hub: Hub, event: str, function: Callable[..., Any]) -> None:
        if event not in ROOM_EVENTS:
            raise ValueError(f"received the room event {event!r}, expected one of {', '.join(ROOM_EVENTS)}")
        self._hub = hub
        self._event = event
        self._function = function
        self._is_async = is_coroutine_function(function)

    def entered(self, socket: Socket, room: Room, created: bool) -> None:
        """Call it for a room that was entered."""
        if created and self._event == "create-room":
            self._call(socket, room)
        elif self._event == "join-room":
            self._call(socket, room, socket.sid)

    def left(self, socket: Socket, room: Room, deleted: bool) -> None:
        """Call it for a room that was left."""
        if self._event == "leave-room":
            self._call(socket, room, socket.sid)
        elif deleted and self._event == "delete-room":
            self._call(socket, room)

    def _call(self, socket: Socket, *args: Any) -> None:
        self._hub.call(socket, self._event, self._function, self._is_async, args)
