"""What is declared of a namespace: rooms, events, and what is contradictory about them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, combinations
from typing import Any, Final

from rtserver.server.delivery.history import JOINED, LEFT
from rtserver.service.namespaces.pattern import MAX_NAME, RoomPattern
from rtserver.service.namespaces.rate import EventRate

__all__ = ["BUILT_IN", "EVERY", "Declaration", "Event"]

EVERY: Final = "*"
"""The name that stands for all events without a declaration of their own."""
BUILT_IN: Final = ("join", "leave", "history", "presence")
"""Events that every declared namespace answers itself."""
_RESERVED: Final = frozenset({"connect", "connect_error", "disconnect", "disconnecting", JOINED, LEFT})
"""Names by which clients and this server tell what happens to connections and rooms."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event that clients may send.

    Args:
        name: Its name; `EVERY` for all others.
        relay: The rooms that it goes to. Where a client chooses a part of the name, the event's first
            argument is the room.
        members_only: Whether only those who are in a room may send to it.
        to_sender: Whether the client that sent it receives it, too, where it is in the room.
        volatile: Whether a client that isn't ready for it goes without.
        backend: Whether the backend answers it, instead of its being relayed.
    """

    name: str
    relay: tuple[RoomPattern, ...] = ()
    members_only: bool = True
    to_sender: bool = False
    volatile: bool = False
    backend: bool = False

    @property
    def names_room(self) -> bool:
        """Whether its first argument is the room that it is for."""
        return any(pattern.is_open for pattern in self.relay)


@dataclass(frozen=True, slots=True)
class Declaration:
    """A namespace.

    Args:
        name: Its name, with the slash.
        join: The rooms that a client is in by its claims.
        may_join: The rooms that it may enter besides.
        may_leave: The rooms that it may leave.
        public: The claims of a client that others are told.
        backend: Whether the backend is asked about each client, and told when it leaves.
        events: What clients may send, by name.
        max_rooms: Rooms that a client may be in.
        max_clients: Clients that may be in it, of each process; None for any number.
        rate: How many events a client may send; None for any number.
    """

    name: str
    join: tuple[RoomPattern, ...] = ()
    may_join: tuple[RoomPattern, ...] = ()
    may_leave: tuple[RoomPattern, ...] = ()
    public: tuple[str, ...] = ()
    backend: bool = False
    events: Mapping[str, Event] = field(default_factory=dict)
    max_rooms: int = 100
    max_clients: int | None = None
    rate: EventRate | None = None

    # Rooms of one client.

    def rooms_of(self, claims: Mapping[str, Any]) -> Iterator[str]:
        """Go through the rooms that a client is in by its claims."""
        return chain.from_iterable(pattern.rooms(claims) for pattern in self.join)

    def lets_join(self, room: str, claims: Mapping[str, Any]) -> bool:
        """Tell whether a client may enter a room."""
        return len(room) <= MAX_NAME and _suits(self.may_join, room, claims)

    def lets_leave(self, room: str, claims: Mapping[str, Any]) -> bool:
        """Tell whether a client may leave a room."""
        return _suits(self.may_leave, room, claims)

    def withdraws(self, room: str, claims: Mapping[str, Any]) -> bool:
        """Tell whether a client is in a room by claims alone, and not by those that it has now."""
        patterns = (*self.join, *self.may_join)
        return any(pattern.suits_someone(room) for pattern in patterns) and not _suits(patterns, room, claims)

    # The whole.

    @property
    def claims(self) -> Iterator[str]:
        """The claims that it needs."""
        patterns = chain(self.join, self.may_join, self.may_leave, *(e.relay for e in self.events.values()))
        return chain((claim for pattern in patterns for claim in pattern.claims), self.public)

    def contradictions(self, others_join: bool) -> Iterator[str]:
        """Go through what is wrong with it as a whole, a sentence for each thing.

        Args:
            others_join: Whether clients come into rooms in other ways, too: by an application, say.
        """
        for one, other in combinations(dict.fromkeys((*self.join, *self.may_join)), 2):
            if one.opens(other):
                yield (
                    f'"{one}" and "{other}" can be the same room by different claims, so that a client would'
                    " be in another's room: begin them with different words"
                )
        known = (*self.join, *self.may_join)
        for event in self.events.values():
            yield from _contradictions(event, self)
            for pattern in () if others_join else _strangers(event.relay, known):
                yield (
                    f'the event "{event.name}" is relayed to "{pattern}", where nobody is: name such rooms'
                    " in join or may_join"
                )
        for pattern in () if others_join else _strangers(self.may_leave, known):
            yield f'may_leave has "{pattern}", where nobody is: name such rooms in join or may_join'


def _contradictions(event: Event, declaration: Declaration) -> Iterator[str]:
    label = f'the event "{event.name}"'
    if event.name in _RESERVED:
        yield f"{label} can't be declared: clients take it for what they are told themselves"
    elif event.name in BUILT_IN:
        yield f"{label} can't be declared: the namespace answers it itself"
    elif not event.relay and not event.backend:
        yield f"{label} goes nowhere: set relay, to name the rooms, or backend = true"
    elif event.relay and event.backend:
        yield f"{label} has relay and backend = true, expected one of them: the backend can relay it itself"
    elif event.relay and event.name == EVERY:
        yield f"{label} can't be relayed: only the backend takes events that aren't named"
    elif event.names_room and not all(pattern.is_open for pattern in event.relay):
        yield (
            f"{label} is relayed to rooms that clients choose, and to others: declare two events, or write *"
            " in all of them"
        )


def _strangers(patterns: Iterable[RoomPattern], known: Iterable[RoomPattern]) -> Iterator[RoomPattern]:
    """Go through the patterns of rooms that no client can be in."""
    return (pattern for pattern in patterns if not any(pattern.meets(each) for each in known))


def _suits(patterns: Iterable[RoomPattern], room: str, claims: Mapping[str, Any]) -> bool:
    return any(pattern.suits(room, claims) for pattern in patterns)
