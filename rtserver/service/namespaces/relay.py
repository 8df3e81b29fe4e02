"""Events that go from one client to the others in a room."""

from __future__ import annotations

from itertools import chain, islice
from typing import Any, Final

from rtserver.server.manager import Manager
from rtserver.server.target import PLAIN, Flags, Target
from rtserver.service.namespaces.answers import OK, Answer, refusal, shown
from rtserver.service.namespaces.declaration import Event
from rtserver.service.namespaces.member import Member
from rtserver.service.namespaces.pattern import MAX_NAME

__all__ = ["MOST_ROOMS", "Relay"]

MOST_ROOMS: Final = 10_000
"""Rooms that one event may be for: two claims that are lists name very many together."""


class Relay:
    """An event that is relayed.

    Who receives it gets what is told of its sender first, where that is anything, and what was sent after it.
    The sender can't put anything in that place.

    Args:
        manager: Delivers it.
        namespace: The namespace's name.
        event: What is declared of it.
    """

    __slots__ = ("_event", "_flags", "_manager", "_namespace", "_rooms_of")

    def __init__(self, manager: Manager, namespace: str, event: Event) -> None:
        self._manager = manager
        self._namespace = namespace
        self._event = event
        self._flags = Flags(volatile=True) if event.volatile else PLAIN
        self._rooms_of = self._chosen if event.names_room else self._fixed

    async def take(self, member: Member, *args: Any) -> Answer:
        """Relay an event of a client.

        Raises:
            EventRefused: It may not send that there.
        """
        event, sid = self._event, member.socket.id
        target = Target(self._namespace, self._rooms_of(member, args), () if event.to_sender else (sid,))
        waiting = self._manager.emit(target, [event.name, *member.told, *args], self._flags)
        if waiting is not None:
            await waiting
        return OK

    def _chosen(self, member: Member, args: tuple[Any, ...]) -> list[str]:
        """Return the room that an event names."""
        event = self._event
        room = args[0] if args else None
        if not isinstance(room, str):
            raise refusal(
                "invalid_arguments",
                f"received {shown(room)} first, expected the room that {event.name} is for"
                if args
                else f"received nothing, expected the room that {event.name} is for",
            )
        if len(room) > MAX_NAME or not any(pattern.suits(room, member.claims) for pattern in event.relay):
            raise refusal("not_allowed", f"{event.name} may not be sent to {shown(room)}")
        if event.members_only and not member.socket.is_in(room):
            raise refusal("not_in_room", f"expected you to be in {shown(room)} to send to it: join it first")
        return [room]

    def _fixed(self, member: Member, args: tuple[Any, ...]) -> list[str]:
        """Return the rooms that an event of this client always goes to."""
        event, socket = self._event, member.socket
        named = chain.from_iterable(pattern.rooms(member.claims) for pattern in event.relay)
        rooms = list(islice(named, MOST_ROOMS + 1))
        if len(rooms) > MOST_ROOMS:
            raise refusal(
                "too_many_rooms",
                f"your claims name more than {MOST_ROOMS} rooms, the most that {event.name} may be for",
            )
        if event.members_only:
            rooms = [room for room in rooms if socket.is_in(room)]
        if not rooms:
            raise refusal("not_in_room", f"{event.name} is for rooms, and you are in none of them")
        return rooms
