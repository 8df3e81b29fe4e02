"""The events that every declared namespace answers: join a room, leave it, who is there, what was sent."""

from __future__ import annotations

from typing import Any

from rtserver.host import Server
from rtserver.service.namespaces.answers import OK, Answer, refusal, shown
from rtserver.service.namespaces.declaration import Declaration
from rtserver.service.namespaces.member import Member

__all__ = ["Rooms"]


class Rooms:
    """What clients ask of rooms.

    Args:
        server: The server.
        declaration: The namespace.
    """

    __slots__ = ("_declaration", "_server")

    def __init__(self, server: Server, declaration: Declaration) -> None:
        self._server = server
        self._declaration = declaration

    async def join(self, member: Member, *args: Any) -> Answer:
        """Put a client into a room.

        Raises:
            EventRefused: It may not enter it.
        """
        (room,) = _taken(args, 1)
        declaration, socket = self._declaration, member.socket
        if not declaration.lets_join(room, member.claims):
            raise refusal("not_allowed", f"you may not join {shown(room)}")
        if not socket.is_in(room):
            count = len(socket.rooms) - 1  # its own doesn't count
            if count >= declaration.max_rooms:
                raise refusal(
                    "too_many_rooms", f"you are in {count} rooms, the most that there may be: leave one"
                )
            await socket.join(room)
        return OK

    async def leave(self, member: Member, *args: Any) -> Answer:
        """Take a client out of a room.

        Raises:
            EventRefused: It may not leave it.
        """
        (room,) = _taken(args, 1)
        if not self._declaration.lets_leave(room, member.claims):
            raise refusal("not_allowed", f"you may not leave {shown(room)}")
        await member.socket.leave(room)
        return OK

    async def presence(self, member: Member, *args: Any) -> Answer:
        """Tell who is in a room.

        Raises:
            EventRefused: The client isn't in it, or nobody is told.
        """
        room = _own(member, _taken(args, 1)[0])
        try:
            page = await self._server.presence(room, self._declaration.name)
        except ValueError:
            raise refusal("not_allowed", f"nobody is told who is in {shown(room)}") from None
        return {**OK, "count": page.count, "members": dict(page)}

    async def history(self, member: Member, *args: Any) -> Answer:
        """Tell what was sent to a room lately: all that is kept, or what came after an event, or the newest.

        Raises:
            EventRefused: The client isn't in it, or nothing is kept.
        """
        name, *more = _taken(args, 2)
        room = _own(member, name)
        limit, since = _range(more[0] if more else {})
        try:
            page = await self._server.history(room, self._declaration.name, limit=limit, since=since)
        except ValueError:
            raise refusal("not_allowed", f"nothing is kept of what is sent to {shown(room)}") from None
        return {**OK, "complete": page.complete, "events": [event._asdict() for event in page]}


def _taken(args: tuple[Any, ...], most: int) -> tuple[Any, ...]:
    """Return what a client sent, if it begins with the name of a room.

    Raises:
        EventRefused: It doesn't.
    """
    if not 1 <= len(args) <= most or not isinstance(args[0], str):
        received = ", ".join(map(shown, args[:3])) or "nothing"
        options = " and perhaps options" if most > 1 else ""
        raise refusal("invalid_arguments", f"received {received}, expected the name of a room{options}")
    return args


def _own(member: Member, room: str) -> str:
    """Return a room that a client is in.

    Raises:
        EventRefused: It isn't in it.
    """
    if not member.socket.is_in(room):
        raise refusal("not_in_room", f"expected you to be in {shown(room)}: join it first")
    return room


def _range(options: Any) -> tuple[int | None, str | None]:
    """Return which events a client asks for: how many at most, and after which one.

    Raises:
        EventRefused: It can't be understood.
    """
    limit, since, count = None, None, -1
    if isinstance(options, dict):
        limit, since = options.get("limit"), options.get("since")
        count = len(options) - ("limit" in options) - ("since" in options)
    is_limit = limit is None or (isinstance(limit, int) and not isinstance(limit, bool) and limit > 0)
    if count or not is_limit or not isinstance(since, (str, type(None))):
        raise refusal(
            "invalid_arguments",
            f"received {shown(options)}, expected an object with limit, a number above 0, or since, an id",
        )
    return limit, since
