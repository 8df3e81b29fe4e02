"""What is known of a client that can recover, across all of its connections.

Which events a client has missed depends on the rooms that it was in when they were sent. So a session
keeps its changes of room with the position in the log at which each happened: what was sent after a
position counts from there. What is older than the log is no longer needed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from rtserver.server.namespace import Room
    from rtserver.server.recovery.brought import Brought

__all__ = ["MAX_MOVES", "Positions", "RecoverableSession", "Whereabouts"]

MAX_MOVES: Final = 128
"""Changes of room that are kept of one session, while the events from between them are."""


class Positions(Protocol):
    """Where the events are that a session may miss."""

    def position(self) -> int:
        """Return the position of the newest event; 0 before the first."""

    def oldest(self) -> int:
        """Return the position of the oldest event that is kept; the next one while there is none."""


class RecoverableSession:
    """One client in one namespace, from its first connection until it can't come back.

    Args:
        pid: The secret by which the client claims it.
        sid: The client's id.
        namespace: The name of the namespace.
        store: Where the events are.
    """

    __slots__ = (
        "_moves",
        "_store",
        "brought",
        "data",
        "ended",
        "floor",
        "left_at",
        "lost_at",
        "namespace",
        "pid",
        "recovered",
        "rooms",
        "sid",
        "since",
    )

    def __init__(self, pid: str, sid: str, namespace: str, store: Positions) -> None:
        self._store = store
        self._moves: list[tuple[int, Room, bool]] | None = None
        self.pid = pid
        self.sid = sid
        self.namespace = namespace
        self.brought: Brought | None = None
        """What the client had missed when it came here from another server; None if it didn't."""
        self.since = store.position()
        """The session began behind this position."""
        self.floor = self.since
        """Up to this position it isn't known any more where the client was."""
        self.ended = False
        """Whether the client can't come back any more."""
        self.recovered = False
        """Whether the client has come back at least once."""
        self.rooms: tuple[Room, ...] = ()
        """The rooms, without its own, that a client which is away was in."""
        self.data: dict[str, Any] | None = None
        """The application's data of a client that is away."""
        self.left_at: float | None = None
        """When the client left, by the clock; None while it is there."""
        self.lost_at: float | None = None
        """When its connection was lost: before that, where it had to wait until a handler had ended."""

    @property
    def moves(self) -> Sequence[tuple[int, Room, bool]]:
        """The changes of room that are kept: a position, a room, whether it was entered there or left."""
        return self._moves or ()

    def put_back(self, since: int, floor: int, moves: Sequence[tuple[int, Room, bool]]) -> None:
        """Take over what was kept of this session by another process."""
        self.since, self.floor = since, floor
        self._moves = list(moves)

    def moved(self, room: Room, entered: bool) -> None:
        """Note that the client has entered or left a room. What it comes back to it has never left."""
        if self.left_at is None and room not in self.rooms:
            self.note(room, entered)

    def leave(self, room: Room) -> None:
        """Take a client that is away out of a room: it doesn't miss what is sent there from now on."""
        if room in self.rooms:
            self.rooms = tuple(each for each in self.rooms if each != room)
            self.note(room, False)

    def note(self, room: Room, entered: bool) -> None:
        """Keep a change of room with the position at which it happens."""
        moves = self._moves
        if moves is None:
            moves = self._moves = []
        moves.append((self._store.position(), room, entered))
        if len(moves) > MAX_MOVES:
            # For the events behind a change it is enough to know where the client is now.
            del moves[: bisect_left(moves, self._store.oldest(), key=_position_of)]
        if len(moves) > MAX_MOVES:
            half = MAX_MOVES // 2
            self.floor = moves[half - 1][0]
            del moves[:half]


class Whereabouts:
    """Where a client was at any position since a session began.

    Args:
        session: The session of a client that is away.
    """

    __slots__ = ("_moves", "_rooms", "_sid")

    def __init__(self, session: RecoverableSession) -> None:
        self._sid = session.sid
        self._rooms = frozenset(session.rooms)
        self._moves: dict[Room, list[tuple[int, bool]]] = {}
        for position, room, entered in session.moves:
            self._moves.setdefault(room, []).append((position, entered))

    def rooms(self) -> Iterable[Room]:
        """Return every room that the client has been in."""
        return {self._sid, *self._rooms, *self._moves}

    def concerns(self, position: int, rooms: Sequence[Room], except_rooms: Sequence[Room]) -> bool:
        """Tell whether the event at this position was for the client.

        Args:
            position: Where the event is in the log.
            rooms: Who it was for; empty for everyone.
            except_rooms: Who it was not for.
        """
        return (not rooms or any(self._was_in(room, position) for room in rooms)) and not any(
            self._was_in(room, position) for room in except_rooms
        )

    def _was_in(self, room: Room, position: int) -> bool:
        moves = self._moves.get(room)
        if moves is None:
            return room == self._sid or room in self._rooms
        before = bisect_left(moves, position, key=_position_of)
        # A room that is entered next was not entered yet, and the other way round.
        return moves[before - 1][1] if before else not moves[0][1]


def _position_of(move: tuple[Any, ...]) -> int:
    position: int = move[0]
    return position
