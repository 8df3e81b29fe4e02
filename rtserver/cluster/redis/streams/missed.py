"""What a client has missed, found by reading the stream from where it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from rtserver.cluster.message import Kind, event_of, flags_of, target_of
from rtserver.cluster.redis.streams.entries import Entry
from rtserver.cluster.redis.streams.offsets import Offset, StreamId
from rtserver.cluster.redis.streams.session import Move, Record
from rtserver.server.namespace import Room
from rtserver.server.target import Target

__all__ = ["Catch", "Missed"]


class Missed(NamedTuple):
    """One event that a client has missed."""

    offset: Offset
    target: Target
    args: Sequence[Any]


class Catch:
    """Goes through the entries of a stream on behalf of one client that is back.

    Args:
        record: What is known of the client.
        namespace: The namespace that it comes back to.
        start: How far it has come.
        is_claimed: Whether it says so itself. Then it has been sent all that the offset names.
    """

    __slots__ = (
        "_left",
        "_moves",
        "_namespace",
        "_numbers",
        "_owed",
        "_own",
        "_rooms",
        "_start",
        "is_broken",
        "is_turned_out",
        "known",
        "missed",
        "moves",
        "size",
    )

    def __init__(self, record: Record, namespace: str, start: Offset, is_claimed: bool) -> None:
        self._namespace = namespace
        self._start = start
        self._owed = start.seq if is_claimed else 0
        self._left = record.left if record.is_ours else None
        self._own = record.sid
        self._rooms = dict.fromkeys(record.rooms)
        self.known = start.id
        """Up to this entry there are some that the client has been sent."""
        self.moves = list(record.moves)
        """The client's changes of room, those included that were made while it was away."""
        self._moves: dict[Room, list[Move]] = {}
        for move in record.moves:
            self._moves.setdefault(move.room, []).append(move)
        self.size = 0
        """Bytes of the entries that it has missed."""
        self._numbers: dict[str, int] = {}
        self.missed: list[tuple[StreamId, Missed]] = []
        """The events, each with the entry by which it is known to be missed."""
        self.is_turned_out = False
        """Whether the client was disconnected meanwhile."""
        self.is_broken = False
        """Whether an entry is missing, as its sender's numbers tell."""

    @property
    def rooms(self) -> tuple[Room, ...]:
        """The rooms that the client comes back to, without its own."""
        return tuple(self._rooms)

    @property
    def owes(self) -> str | None:
        """The server of which the client has been sent more than was seen in the stream; None if none."""
        return self._start.uid if self._numbers.get(self._start.uid, 0) < self._owed else None

    def take(self, id: StreamId, entry: Entry) -> None:
        """Take the next entry of the stream.

        Raises:
            ClusterViolation: It can't be understood.
        """
        if entry.seq is not None and not self._count(entry.uid, entry.seq):
            return
        if entry.namespace != self._namespace:
            return
        if self._is_known(entry):
            self.known = id
        elif entry.kind is Kind.BROADCAST:
            self._event(id, entry, self._offset(id))
        elif (entry.kind is Kind.LEAVE or entry.kind is Kind.DISCONNECT) and self._is_behind(id, entry):
            self._operation(id, entry)

    def take_early(self, entry: Entry, offset: Offset) -> None:
        """Take an event of this server that isn't in the stream yet, and that other clients here have had.

        Raises:
            ClusterViolation: It can't be understood.
        """
        if entry.namespace == self._namespace and not self._is_known(entry):
            self._event(offset.id, entry, offset)

    def _count(self, uid: str, seq: int) -> bool:
        """Note a number. Returns False for an entry that is there a second time."""
        last = self._numbers.get(uid)
        if last is not None and seq <= last:
            return False
        if last is None and uid == self._start.uid and self._start.seq:
            last = self._start.seq
        self.is_broken = self.is_broken or (last is not None and seq > last + 1)
        self._numbers[uid] = seq
        return True

    def _offset(self, id: StreamId) -> Offset:
        return Offset(id, self._start.seq, self._start.uid) if self.owes else Offset(id)

    def _is_known(self, entry: Entry) -> bool:
        """Tell whether the client has been sent an entry before it was read."""
        return entry.uid == self._start.uid and entry.seq is not None and entry.seq <= self._start.seq

    def _is_behind(self, id: StreamId, entry: Entry) -> bool:
        """Tell whether an entry was sent when the client had left."""
        return self._left is not None and not _before(id, entry, self._left)

    def _event(self, id: StreamId, entry: Entry, offset: Offset) -> None:
        data = entry.message().data
        target = target_of(entry.namespace, data.get("opts"))
        flags, _ = flags_of(data["opts"])
        if not flags.volatile and self._is_meant(target, id, entry):
            self.missed.append((id, Missed(offset, target, event_of(data.get("packet")))))
            self.size += len(entry.data)

    def _operation(self, id: StreamId, entry: Entry) -> None:
        data = entry.message().data
        if not self._is_meant(target_of(entry.namespace, data.get("opts")), id, entry):
            return
        if entry.kind is Kind.DISCONNECT:
            self.is_turned_out = True
            return
        rooms = data.get("rooms")
        for room in rooms if isinstance(rooms, list) else ():
            if isinstance(room, (str, int)) and room in self._rooms:
                del self._rooms[room]
                # What is sent there from now on is not for the client.
                move = Move(Offset(id, entry.seq or 0, entry.uid), room, False)
                self.moves.append(move)
                self._moves.setdefault(room, []).append(move)

    def _is_meant(self, target: Target, id: StreamId, entry: Entry) -> bool:
        _, rooms, except_rooms = target
        return (not rooms or any(self._was_in(room, id, entry) for room in rooms)) and not any(
            self._was_in(room, id, entry) for room in except_rooms
        )

    def _was_in(self, room: Room, id: StreamId, entry: Entry) -> bool:
        """Tell whether the client was in a room when an entry was sent."""
        moves = self._moves.get(room)
        if moves is None:
            return room == self._own or room in self._rooms
        entered = not moves[0].entered  # a room that is entered next was not entered yet, and vice versa
        for move in moves:
            if _before(id, entry, move.after):
                break
            entered = move.entered
        return entered


def _before(id: StreamId, entry: Entry, offset: Offset) -> bool:
    """Tell whether an entry belongs to what was sent up to an offset."""
    if entry.seq is not None and entry.uid == offset.uid:
        return entry.seq <= offset.seq
    return id <= offset.id
