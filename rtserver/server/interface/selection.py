"""The steps of a chain that say who is meant and how: the same for a server's chains and for an emitter's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from rtserver.server.interface.backend import united
from rtserver.server.interface.delivery import Delivering, Delivery
from rtserver.server.namespace import Room
from rtserver.server.target import Target

__all__ = ["Selecting", "Selection"]


@dataclass(frozen=True, slots=True)
class Selection(Delivery):
    """Who is meant, and how an event is delivered.

    Args:
        namespace: The namespace.
        rooms: Who is meant; None for everyone.
        except_rooms: Who isn't.
    """

    namespace: str
    rooms: tuple[Room, ...] | None = None
    except_rooms: tuple[Room, ...] = ()

    def target(self) -> Target | None:
        """Return who is meant; None for nobody."""
        if self.rooms is None:
            return Target(self.namespace, (), self.except_rooms)
        return Target(self.namespace, self.rooms, self.except_rooms) if self.rooms else None


Operator = TypeVar("Operator", bound=Selection)


class Selecting(Delivering[Operator]):
    """What a chain begins with, and each of its steps."""

    __slots__ = ()

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
