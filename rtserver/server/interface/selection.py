"""The steps of a chain that say who is meant and how: the same for a server's chains and for an emitter's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from rtserver.server.interface.backend import united
from rtserver.server.namespace import Room
from rtserver.server.target import PLAIN, Flags, Target

__all__ = ["Selecting", "Selection"]


@dataclass(frozen=True, slots=True)
class Selection:
    """Who is meant, and how an event is delivered.

    Args:
        namespace: The namespace.
        rooms: Who is meant; None for everyone.
        except_rooms: Who isn't.
        flags: How an event is delivered.
    """

    namespace: str
    rooms: tuple[Room, ...] | None = None
    except_rooms: tuple[Room, ...] = ()
    flags: Flags = PLAIN

    def target(self) -> Target | None:
        """Return who is meant; None for nobody."""
        if self.rooms is None:
            return Target(self.namespace, (), self.except_rooms)
        return Target(self.namespace, self.rooms, self.except_rooms) if self.rooms else None


Operator = TypeVar("Operator", bound=Selection)


class Selecting(Generic[Operator]):
    """What a chain begins with, and each of its steps."""

    __slots__ = ()

    def _operator(self) -> Operator:
        """Return the chain so far."""
        raise NotImplementedError

    # Who.

    def to(self, *rooms: Room | Iterable[Room]) -> Operator:
        """Reach the clients in these rooms, beside those of rooms named before. Each is reached once.

        Args:
            rooms: Rooms, sids, or lists of them. An empty list is nobody, not everybody.
        """
        operator = self._operator()
        return replace(operator, rooms=united(operator.rooms or (), rooms))

    def in_(self, *rooms: Room | Iterable[Room]) -> Operator:
        """Do what `to` does: it reads better before `sockets_join` and the like."""
        return self.to(*rooms)

    def except_(self, *rooms: Room | Iterable[Room]) -> Operator:
        """Leave the clients in these rooms out.

        Args:
            rooms: Rooms, sids, or lists of them.
        """
        operator = self._operator()
        return replace(operator, except_rooms=united(operator.except_rooms, rooms))

    # How.

    @property
    def volatile(self) -> Operator:
        """Drop the event for clients that aren't ready for it, instead of queueing it."""
        return self._flagged(volatile=True)

    def compress(self, compress: bool) -> Operator:
        """Say whether the event is compressed for clients with which compression was agreed on."""
        return self._flagged(compress=compress)

    def conflate(self, key: str) -> Operator:
        """Let the event replace an older one of this key that still waits for a slow client.

        Args:
            key: What the events tell the newest state of.
        """
        return self._flagged(key=key)

    def _flagged(self, **flags: Any) -> Operator:
        operator = self._operator()
        flagged = replace(operator.flags, **flags)
        return replace(operator, flags=PLAIN if flagged == PLAIN else flagged)
