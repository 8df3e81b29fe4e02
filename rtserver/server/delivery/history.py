"""What was sent to a room lately, for those who come later.

An event belongs to the history of each room that it was emitted to by name. What goes to everyone, volatile
events and those that want acknowledgments belong to none.
"""

from __future__ import annotations

import copy
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from rtserver.clock import Clock, Timer
from rtserver.ids import new_sid
from rtserver.server.namespace import Room
from rtserver.server.target import Target

if TYPE_CHECKING:
    from rtserver.server.hub import Hub
    from rtserver.server.socket import Socket

__all__ = [
    "JOINED",
    "LEFT",
    "History",
    "HistoryEvent",
    "HistoryPage",
    "HistoryStore",
    "MemoryHistory",
    "Replay",
    "matches",
]

Patterns = str | Sequence[str]

JOINED: Final = "presence_join"
LEFT: Final = "presence_leave"
NEWS: Final = frozenset({JOINED, LEFT})
"""What is told of who comes and goes. It is of the moment, and no room's history."""


@dataclass(frozen=True, slots=True)
class History:
    """Which rooms have a history, and how much of it is kept.

    Args:
        rooms: A pattern of room names, such as ``"chat:*"``, or a list of patterns; `*` stands for any
            characters.
        max_events: Events of each room that are kept at most.
        max_bytes: Bytes of each room's events, roughly, that are kept at most.
        max_age: Seconds for which an event is kept.
        max_rooms: Rooms whose history is kept at most; the one that was sent to least recently goes first.
        replay: Events that a client receives when it enters a room, as many as there are up to this.
        in_namespaces: Patterns for the rooms of single namespaces, in the place of `rooms`.

    Raises:
        ValueError: A number is out of range.
    """

    rooms: Patterns
    max_events: int = 100
    max_bytes: int = 1024 * 1024
    max_age: float = 3600.0
    max_rooms: int = 10_000
    replay: int = 0
    in_namespaces: Mapping[str, Patterns] = field(default_factory=dict)

    def __post_init__(self) -> None:  # noqa: D105
        for name in ("max_events", "max_bytes", "max_age", "max_rooms"):
            value = getattr(self, name)
            if value <= 0:
                raise ValueError(f"{name}: received {value!r}, expected a number greater than 0")
        if not 0 <= self.replay <= self.max_events:
            raise ValueError(f"replay: received {self.replay!r}, expected 0 to max_events, {self.max_events}")

    def covers(self, namespace: str, room: Room) -> bool:
        """Tell whether a room has a history."""
        return matches(self.in_namespaces.get(namespace, self.rooms), room)


class HistoryEvent(NamedTuple):
    """One event of a room's history."""

    id: str
    """What `since` takes, to go on after this event."""
    event: str
    args: Sequence[Any]
    time: float
    """When it was sent, in seconds since the epoch."""


class HistoryPage(list[HistoryEvent]):
    """Events of a room, the oldest first.

    Args:
        events: The events.
        complete: False where events in between are missing: more came after `since` than is kept or was
            asked for, or `since` is of a history that exists no longer.
    """

    __slots__ = ("complete",)

    def __init__(self, events: Iterable[HistoryEvent] = (), *, complete: bool = True) -> None:
        super().__init__(events)
        self.complete = complete


class HistoryStore(Protocol):
    """Where a manager keeps the history of rooms."""

    def record(self, target: Target, args: Sequence[Any]) -> None:
        """Keep an event for those rooms of its target that have a history."""

    def read(
        self, namespace: str, room: Room, limit: int | None = None, since: str | None = None
    ) -> HistoryPage | Awaitable[HistoryPage]:
        """Return the newest events of a room.

        Args:
            namespace: The namespace of the room.
            room: The room.
            limit: Events to return at most; None for all.
            since: The id of the last event that is known already; None for none.
        """


class _Room:
    """The events of one room."""

    __slots__ = ("epoch", "events", "first", "size")

    def __init__(self) -> None:
        self.epoch = new_sid()[:8]
        """Tells ids of this history from those of an earlier one of the same room."""
        self.first = 0
        """The number of the oldest event."""
        self.events: deque[tuple[HistoryEvent, int, float]] = deque()
        """Event, size in bytes, and when it is forgotten."""
        self.size = 0

    def drop(self) -> None:
        self.size -= self.events.popleft()[1]
        self.first += 1


class MemoryHistory:
    """The history of rooms, in this process. It implements `HistoryStore`.

    Args:
        options: What is kept.
        clock: Returns the clock of the running loop.
        now: Returns seconds since the epoch.
    """

    __slots__ = ("_clock", "_now", "_options", "_rooms", "_timer")

    def __init__(
        self, options: History, clock: Callable[[], Clock], now: Callable[[], float] = time.time
    ) -> None:
        self._options = options
        self._clock = clock
        self._now = now
        self._rooms: OrderedDict[tuple[str, Room], _Room] = OrderedDict()
        self._timer: Timer | None = None

    def __len__(self) -> int:
        """Return how many rooms have a history now."""
        return len(self._rooms)

    def keeps(self, namespace: str, room: Room) -> bool:
        """Tell whether a room has a history."""
        return self._options.covers(namespace, room)

    def record(self, target: Target, args: Sequence[Any]) -> None:
        """Keep an event for those rooms of its target that have a history."""
        if args[0] in NEWS:
            return
        size = 0
        for room in target.rooms:
            if self.keeps(target.namespace, room):
                size = size or len(repr(args))
                self._append((target.namespace, room), args, size)

    def _append(self, key: tuple[str, Room], args: Sequence[Any], size: int) -> None:
        options, clock = self._options, self._clock()
        kept = self._rooms.get(key)
        if kept is None:
            kept = self._rooms[key] = _Room()
            if len(self._rooms) > options.max_rooms:
                self._rooms.popitem(last=False)
        else:
            self._rooms.move_to_end(key)
        id = f"{kept.epoch}-{kept.first + len(kept.events)}"
        event = HistoryEvent(id, args[0], copy.deepcopy(tuple(args[1:])), self._now())
        kept.events.append((event, size, clock.now() + options.max_age))
        kept.size += size
        while len(kept.events) > options.max_events or (kept.size > options.max_bytes and kept.events):
            kept.drop()
        if self._timer is None:
            self._timer = Timer(clock, self._expire)
            self._timer.set(options.max_age)

    def read(
        self, namespace: str, room: Room, limit: int | None = None, since: str | None = None
    ) -> HistoryPage:
        """Return the newest events of a room."""
        kept = self._rooms.get((namespace, room))
        if kept is None:
            return HistoryPage(complete=since is None)
        self._forget_old(kept)
        start, complete = 0, True
        if since is not None:
            epoch, _, number = since.rpartition("-")
            position = int(number) + 1 - kept.first if epoch == kept.epoch and number.isdecimal() else -1
            complete = 0 <= position <= len(kept.events)
            start = position if complete else 0
        if limit is not None and len(kept.events) - start > limit:
            start = len(kept.events) - limit
            complete = complete and since is None
        return HistoryPage([kept.events[i][0] for i in range(start, len(kept.events))], complete=complete)

    def _forget_old(self, kept: _Room) -> None:
        now = self._clock().now()
        while kept.events and kept.events[0][2] <= now:
            kept.drop()

    def _expire(self) -> None:
        """Forget what is old: the rooms come in the order of their last events."""
        now = self._clock().now()
        while self._rooms:
            key, kept = next(iter(self._rooms.items()))
            self._forget_old(kept)
            if kept.events:
                break
            del self._rooms[key]
        assert self._timer is not None
        if self._rooms:
            self._timer.set(next(iter(self._rooms.values())).events[-1][2] - now)
        else:
            self._timer = None


class Replay:
    """Sends the history of a room to who enters it. It is a `RoomObserver`.

    Args:
        hub: The shared state.
        store: Where the history is.
        options: Which rooms, and how much.
        send: Sends the events of a page to a client.
    """

    __slots__ = ("_hub", "_options", "_send", "_store")

    def __init__(
        self, hub: Hub, store: HistoryStore, options: History, send: Callable[[Socket, HistoryPage], None]
    ) -> None:
        self._hub = hub
        self._store = store
        self._options = options
        self._send = send

    def entered(self, socket: Socket, room: Room, created: bool) -> None:
        """Send the history, unless it is a room that the client only comes back to."""
        if socket.recovery is not None and room in socket.recovery.rooms:
            return
        if room != socket.sid and self._options.covers(socket.namespace.name, room):
            self._hub.run(socket, "join-room", self._replay(socket, room))

    async def _replay(self, socket: Socket, room: Room) -> None:
        page = self._store.read(socket.namespace.name, room, self._options.replay)
        self._send(socket, page if isinstance(page, HistoryPage) else await page)

    def left(self, socket: Socket, room: Room, deleted: bool) -> None:
        """Do nothing."""


def matches(patterns: Patterns, room: Room) -> bool:
    """Tell whether a room's name is one of those that are meant."""
    if not isinstance(room, str):
        return False
    return any(
        fnmatchcase(room, pattern.replace("[", "[[]").replace("?", "[?]"))  # only * is special
        for pattern in ((patterns,) if isinstance(patterns, str) else patterns)
    )
