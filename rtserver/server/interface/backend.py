"""What the objects that applications hold work on."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from rtserver.server.hub import Hub
from rtserver.server.local import Local
from rtserver.server.manager import Manager
from rtserver.server.namespace import Room
from rtserver.server.server_events import ServerEvents
from rtserver.server.target import room_names

__all__ = ["RESERVED", "Backend", "event_args", "united"]

Answer = TypeVar("Answer")

RESERVED: Final = frozenset({"connect", "connect_error", "disconnect", "disconnecting"})
"""Names by which clients tell their application what happens to the connection."""


@dataclass(frozen=True, slots=True, eq=False)
class Backend:
    """A server, without what it offers.

    Args:
        hub: The shared state.
        manager: Reaches every server of the cluster.
        local: Reaches the clients of this server.
        server_events: What handles events of other servers.
    """

    hub: Hub
    manager: Manager
    local: Local
    server_events: ServerEvents

    def traced(self, namespace: str, event: str, answer: Awaitable[Answer]) -> Awaitable[Answer]:
        """Return what is to be awaited for the acknowledgments of an event: the same, or a span around it."""
        spans = self.hub.spans
        return answer if spans is None else spans.ask(namespace, event, answer)


def event_args(event: str, args: Sequence[Any]) -> list[Any]:
    """Return what an event's packet carries.

    Raises:
        TypeError: The name isn't a string.
        ValueError: The name is reserved.
    """
    if not isinstance(event, str):
        raise TypeError(f"received {event!r} as an event's name, expected a string")
    if event in RESERVED:
        raise ValueError(f"an event can't be named {event!r}: clients would take it for one of their own")
    return [event, *args]


def united(known: Iterable[Room], rooms: Iterable[Room | Iterable[Room]]) -> tuple[Room, ...]:
    """Return rooms and further ones, which may be given one by one or as lists; each of them once."""
    return tuple(dict.fromkeys([*known, *(name for each in rooms for name in room_names(each))]))
