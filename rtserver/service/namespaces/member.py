"""One client in a declared namespace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from socketio.exceptions import ConnectionRefusedError as Refusal

from rtserver.errors import TooManyRooms
from rtserver.server.interface.socket import Socket
from rtserver.service.namespaces.claims import CLAIMS, PUBLIC_CLAIMS, find_claim
from rtserver.service.namespaces.declaration import Declaration
from rtserver.service.namespaces.rate import Allowance
from rtserver.service.namespaces.target import Admitted

__all__ = ["Member"]


class Member:
    """A client, and what it is by its claims.

    Args:
        declaration: Its namespace.
        socket: The client.
        now: When it came, in seconds.
    """

    __slots__ = ("_declaration", "_given", "admitted", "allowance", "socket", "told")

    def __init__(self, declaration: Declaration, socket: Socket, now: float) -> None:
        self._declaration = declaration
        self._given: frozenset[str] = frozenset()
        """The rooms that it was put into."""
        self.socket = socket
        self.admitted: Admitted | None = None
        """What the backend has said of it."""
        self.allowance = None if declaration.rate is None else Allowance(declaration.rate, now)
        """How many events it may send now."""
        self.told: tuple[dict[str, Any], ...] = ()
        """What others are told of it, before the arguments of an event: one object, or nothing."""

    @property
    def claims(self) -> Mapping[str, Any]:
        """What is known of it."""
        claims: Mapping[str, Any] = self.socket.data.get(CLAIMS, {})
        return claims

    async def settle(self) -> None:
        """Put it into the rooms that it has by its claims, and out of those that it has by them no longer.

        Raises:
            socketio.exceptions.ConnectionRefusedError: They are more than it may be in.
        """
        declaration, socket = self._declaration, self.socket
        if self.admitted is not None:
            socket.data[CLAIMS] = {**self.claims, **self.admitted.claims}
        claims = self.claims
        given = self._rooms(claims)
        socket_rooms = socket.rooms - {socket.id}
        withdrawn = [
            room
            for room in socket_rooms
            if isinstance(room, str) and room not in given and declaration.withdraws(room, claims)
        ]
        if declaration.public:
            found = {name: find_claim(claims, name) for name in declaration.public}
            public = {name: value for name, value in found.items() if value is not None}
            socket.data[PUBLIC_CLAIMS] = public
            self.told = (public,)
        await socket.leave(withdrawn)
        try:
            await socket.join([room for room in given if room not in self._given])
        except TooManyRooms as error:
            raise Refusal(error.answer["message"], {"code": error.answer["code"]}) from None
        self._given = frozenset(given)

    def _rooms(self, claims: Mapping[str, Any]) -> dict[str, None]:
        most = self._declaration.max_rooms
        rooms: dict[str, None] = dict.fromkeys(() if self.admitted is None else self.admitted.rooms)
        for room in self._declaration.rooms_of(claims):
            rooms[room] = None
            if len(rooms) > most:  # not all of them: two claims that are lists have many rooms together
                break
        if len(rooms) > most:
            message = f"The claims are for more than {most} rooms, the most that a client may be in"
            raise Refusal(message, {"code": "too_many_rooms"})
        return rooms
