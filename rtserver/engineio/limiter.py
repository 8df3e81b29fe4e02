"""What clients may send, where that is limited: asked once for what comes in one read, or in one POST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from rtserver.engineio.handler import Session

__all__ = ["Bucket", "Limiter"]


class Bucket(Protocol):
    """What one session may send now."""

    events: float
    """Packets."""
    bytes: float
    """Bytes; what comes in one read may overdraw them."""
    filled: float
    """When that was so."""


class Limiter(Protocol):
    """Who decides about what has come: the layer above, which knows what packets mean."""

    now: float
    """Until when buckets have to be filled."""

    @property
    def buckets(self) -> Mapping[Session, Bucket]:
        """Those of the sessions that have sent something."""

    def admit(self, session: Session, packets: list[Any], size: int, /) -> list[Any]:
        """Return the packets that the session is to take.

        Args:
            session: Who sent them. It may be closed here.
            packets: What came, as `str`, `bytes`, or what the handler's `decode` makes of them. None when
                what came completes no packet.
            size: Bytes that came.
        """

    def forget(self, session: Session, /) -> None:
        """Learn that a session has ended."""
