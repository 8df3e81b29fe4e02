"""The steps of a chain that say how an event is delivered, whoever it is for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from rtserver.server.target import PLAIN, Flags

__all__ = ["Delivering", "Delivery"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How an event is delivered.

    Args:
        flags: How.
    """

    flags: Flags = PLAIN


Operator = TypeVar("Operator", bound=Delivery)


class Delivering(Generic[Operator]):
    """What has these steps. Each returns a new chain and changes none."""

    __slots__ = ()

    def _operator(self) -> Operator:
        """Return the chain so far."""
        raise NotImplementedError

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
