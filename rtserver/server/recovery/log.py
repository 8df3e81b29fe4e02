"""The events that clients may ask for again, bounded in number and bytes, and indexed by room.

What a client has missed is found through the rooms that it was in, so that its recovery costs as much as
it has missed, however much was sent to others.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Hashable, Iterable
from typing import Final, NamedTuple

from rtserver.engineio.outgoing import Outgoing
from rtserver.server.namespace import Room
from rtserver.server.target import Target

__all__ = ["EventLog", "Recorded", "Source"]

Source = tuple[str, int]
"""Which server has sent an event, and the how many'th of its events that is."""

EVERYONE: Final = object()
"""Stands for the room that everyone is in."""


class Recorded(NamedTuple):
    """One event of the log."""

    position: int
    time: float
    """When it was sent, by the clock."""
    target: Target
    outgoing: Outgoing
    source: Source | None = None
    """Where it came from; None if that isn't known."""


class EventLog:
    """Events by their positions, which are consecutive numbers from 1.

    Args:
        max_packets: Events that are kept at most.
        max_bytes: Bytes that they may have together.
    """

    __slots__ = (
        "_events",
        "_max_bytes",
        "_max_packets",
        "_rooms",
        "bytes",
        "cut",
        "cut_at",
        "evicted",
        "first",
        "last",
    )

    def __init__(self, max_packets: int, max_bytes: int) -> None:
        self._max_packets = max_packets
        self._max_bytes = max_bytes
        self._events: dict[int, Recorded] = {}
        self._rooms: dict[tuple[str, Hashable], deque[int]] = {}
        self.first = 1
        """The position of the oldest event, the next one while there is none."""
        self.last = 0
        """The position of the newest event."""
        self.bytes = 0
        """What the events have together."""
        self.cut = 0
        """The position of the newest event that is kept no longer."""
        self.cut_at = 0.0
        """When that event was sent."""
        self.evicted = 0
        """How many events had to go before their time."""

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self._events)

    @property
    def oldest(self) -> Recorded | None:
        """The oldest event."""
        return self._events.get(self.first)

    def append(self, target: Target, outgoing: Outgoing, now: float, source: Source | None = None) -> None:
        """Record an event at the position after the last."""
        self.last = position = self.last + 1
        self._events[position] = Recorded(position, now, target, outgoing, source)
        for key in _keys(target):
            index = self._rooms.get(key)
            if index is None:
                self._rooms[key] = deque((position,))
            else:
                index.append(position)
        self.bytes += len(outgoing)
        while len(self._events) > self._max_packets or (self.bytes > self._max_bytes and self._events):
            self.evicted += 1
            self._pop()

    def after(self, position: int, namespace: str, rooms: Iterable[Room]) -> list[Recorded]:
        """Return what was sent to everyone or to any of these rooms after a position, in order."""
        found: set[int] = set()
        for room in (EVERYONE, *rooms):
            for each in reversed(self._rooms.get((namespace, room), ())):
                if each <= position:
                    break
                found.add(each)
        return [self._events[each] for each in sorted(found)]

    def skip(self, position: int, time: float) -> None:
        """Begin behind a position, which nothing is known of but that it was before this time."""
        self.first, self.last, self.cut, self.cut_at = position + 1, position, position, time

    def before(self, time: float) -> int:
        """Return the position of the newest event that was sent before this time."""
        first = bisect_left(range(self.first, self.last + 1), time, key=lambda each: self._events[each].time)
        return self.first + first - 1

    def expire(self, before: float) -> None:
        """Forget what was sent before this time."""
        while (oldest := self.oldest) is not None and oldest.time < before:
            self._pop()

    def clear(self) -> None:
        """Forget everything."""
        self._events.clear()
        self._rooms.clear()
        self.first = self.last + 1
        self.bytes = 0

    def _pop(self) -> None:
        event = self._events.pop(self.first)
        self.cut, self.cut_at = event.position, event.time
        self.first += 1
        self.bytes -= len(event.outgoing)
        for key in _keys(event.target):
            index = self._rooms[key]
            index.popleft()
            if not index:
                del self._rooms[key]


def _keys(target: Target) -> Iterable[tuple[str, Hashable]]:
    namespace, rooms, _ = target
    return {(namespace, room) for room in rooms} if rooms else ((namespace, EVERYONE),)
