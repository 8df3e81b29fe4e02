"""What a client had missed when it came here from another server, until it is sure to have received it.

Those events have offsets of the other server, under which the client knows them. It may be lost again before
it has received them all, and then says how far it got.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rtserver.engineio.outgoing import Outgoing

__all__ = ["Brought", "Missed"]


class Missed(NamedTuple):
    """One event that a client has missed."""

    offset: str
    """What the client says once it has received it."""
    outgoing: Outgoing


class Brought:
    """The events that came with one session, in order, before any that were sent here.

    Args:
        offset: The offset that the client came with; None if it had received nothing.
        events: The events.
        vector: The number of each server's latest event that is among them or was before.
    """

    __slots__ = ("_events", "_offset", "bytes", "vector")

    def __init__(
        self, offset: str | None, events: Sequence[Missed], vector: Mapping[str, int] | None = None
    ) -> None:
        self._offset = offset
        self._events = events
        self.vector = vector or {}
        self.bytes = sum(len(event.outgoing) for event in events)
        """What the events have together."""

    def after(self, offset: str | None) -> Sequence[Missed] | None:
        """Return those of the events that follow on an offset; None if it isn't the offset of one of them."""
        if offset == self._offset:
            return self._events
        for index, event in enumerate(self._events, 1):
            if event.offset == offset:
                return self._events[index:]
        return None

    def state(self) -> tuple[str | None, Sequence[Missed]]:
        """Return the offset before the events, and the events."""
        return self._offset, self._events

    def received(self) -> None:
        """Take note that the client has received everything: only the last offset is kept."""
        if self._events:
            self._offset = self._events[-1].offset
            self._events = ()
            self.bytes = 0
