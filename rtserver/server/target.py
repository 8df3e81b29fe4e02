"""Who an event or an operation is for, and how an event is to be delivered.

This is how the adapters of Socket.IO describe a broadcast, whichever way it then travels: no rooms mean
everyone in the namespace; a client's sid is a room of its own; a client that is in several of the rooms
counts once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from rtserver.server.namespace import Room

__all__ = ["PLAIN", "Flags", "Target", "room_names"]


class Target(NamedTuple):
    """Clients of one namespace."""

    namespace: str
    rooms: Sequence[Room] = ()
    """Who it is for; empty for everyone."""
    except_rooms: Sequence[Room] = ()
    """Who it is not for."""


@dataclass(frozen=True, slots=True)
class Flags:
    """How an event is to be delivered.

    Args:
        volatile: Drop it for a client that isn't ready, instead of queueing it.
        compress: Compress it where that was agreed on with the client.
        key: What a newer event replaces, where a slow client is sent only the newest of each key.
    """

    volatile: bool = False
    compress: bool = True
    key: str | None = None


PLAIN: Final = Flags()
"""An ordinary event."""


def room_names(rooms: Room | Iterable[Room]) -> Sequence[Room]:
    """Return several rooms as a sequence, and a single room as a sequence of one."""
    if isinstance(rooms, (list, tuple)):
        return rooms
    if isinstance(rooms, (set, frozenset)) or (
        not isinstance(rooms, (str, bytes)) and isinstance(rooms, Iterable)
    ):
        return tuple(rooms)
    return (rooms,)
