"""The records of a journal: arrays of msgpack, one after another, the first of which says what each is.

Times are those of the wall clock, as a journal is read by another process than the one that wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Any, Final, NamedTuple

import msgpack

from rtserver.cluster.recovery.taken import shared
from rtserver.engineio.outgoing import Outgoing
from rtserver.server.namespace import Room
from rtserver.server.recovery.brought import Missed
from rtserver.server.recovery.log import Source
from rtserver.server.recovery.session import RecoverableSession
from rtserver.server.target import Target

__all__ = [
    "Back",
    "Data",
    "Event",
    "Gone",
    "Head",
    "Move",
    "Record",
    "Session",
    "encode_back",
    "encode_data",
    "encode_event",
    "encode_gone",
    "encode_head",
    "encode_move",
    "encode_session",
    "read",
]


class Type(IntEnum):
    """What a record is."""

    HEAD = 0
    EVENT = 1
    SESSION = 2
    MOVE = 3
    DATA = 4
    BACK = 5
    GONE = 6


class Head(NamedTuple):
    """What a segment begins with."""

    time: float
    position: int
    """The position of the newest event before it."""
    vector: Mapping[str, int]
    """The number of the latest event of each server before it."""


class Event(NamedTuple):
    """An event that was delivered."""

    position: int
    time: float
    target: Target
    outgoing: Outgoing
    source: Source | None


class Session(NamedTuple):
    """All that is known of one client."""

    pid: str
    sid: str
    namespace: str
    since: int
    floor: int
    rooms: Sequence[Room]
    moves: Sequence[tuple[int, Room, bool]]
    data: bytes
    """The application's data, as `pack` has it."""
    brought: tuple[str | None, Sequence[Missed], Mapping[str, int]] | None
    left_at: float | None
    lost_at: float | None


class Move(NamedTuple):
    """A change of room."""

    pid: str
    position: int
    room: Room
    entered: bool


class Data(NamedTuple):
    """The application's data of a client has changed."""

    pid: str
    data: bytes


class Back(NamedTuple):
    """A client that was away is back, to the same server."""

    pid: str


class Gone(NamedTuple):
    """A client can't come back any more, or has come back to another server."""

    pid: str


Record = Head | Event | Session | Move | Data | Back | Gone

_pack: Callable[[Any], bytes] = msgpack.Packer(autoreset=True, unicode_errors="surrogatepass").pack
_OPTIONS: Final = {
    "use_list": False,
    "unicode_errors": "surrogatepass",
    "strict_map_key": False,
    "max_buffer_size": 2**31 - 1,
    "max_array_len": 1_000_000,
    "max_map_len": 1_000_000,
}


def encode_head(time: float, position: int, vector: Mapping[str, int]) -> bytes:
    """Encode what a segment begins with."""
    return _pack((Type.HEAD, time, position, vector))


def encode_event(
    position: int, time: float, target: Target, outgoing: Outgoing, source: Source | None
) -> bytes:
    """Encode an event."""
    namespace, rooms, except_rooms = target
    names = shared(rooms)
    if len(names) < len(rooms) and not names:
        names = [""]  # it was for rooms that nobody else can name, and not for everyone
    return _pack(
        (
            Type.EVENT,
            position,
            time,
            namespace,
            names,
            shared(except_rooms),
            source,
            outgoing.text,
            list(outgoing.attachments),
        )
    )


def encode_session(
    session: RecoverableSession,
    rooms: Sequence[Room],
    data: bytes,
    left_at: float | None,
    lost_at: float | None,
) -> bytes:
    """Encode all that is known of a client.

    Args:
        session: Its session.
        rooms: The rooms that it is in.
        data: The application's data, packed.
        left_at: When it left; None while it is there.
        lost_at: When its connection was lost.
    """
    brought = None
    if session.brought is not None:
        offset, events = session.brought.state()
        written = [(name, each.text, list(each.attachments)) for name, each in events]
        brought = (offset, written, session.brought.vector)
    return _pack(
        (
            Type.SESSION,
            session.pid,
            session.sid,
            session.namespace,
            session.since,
            session.floor,
            shared(rooms),
            [move for move in session.moves if isinstance(move[1], (str, int))],
            data,
            brought,
            left_at,
            lost_at,
        )
    )


def encode_move(pid: str, position: int, room: Room, entered: bool) -> bytes:
    """Encode a change of room."""
    return _pack((Type.MOVE, pid, position, room, entered))


def encode_data(pid: str, data: bytes) -> bytes:
    """Encode the application's data of a client."""
    return _pack((Type.DATA, pid, data))


def encode_back(pid: str) -> bytes:
    """Encode that a client is back."""
    return _pack((Type.BACK, pid))


def encode_gone(pid: str) -> bytes:
    """Encode that a session has ended here."""
    return _pack((Type.GONE, pid))


def read(body: bytes) -> Iterator[Record]:
    """Read the records of a segment, up to its end or to one that wasn't written completely.

    Raises:
        ValueError: It isn't the segment of a journal.
    """
    unpacker = msgpack.Unpacker(**_OPTIONS)
    unpacker.feed(body)
    try:
        for each in unpacker:
            yield _READERS[each[0]](*each[1:])
    except (TypeError, IndexError, KeyError) as error:
        raise ValueError(f"a record of a journal that can't be read: {error!r}") from None


def _event(*fields: Any) -> Event:
    position, time, namespace, rooms, except_rooms, source, text, attachments = fields
    target = Target(namespace, rooms, except_rooms)
    return Event(position, time, target, Outgoing(text, attachments), source)


def _session(*fields: Any) -> Session:
    session = Session(*fields)
    if session.brought is None:
        return session
    offset, events, vector = fields[8]
    missed = [Missed(each, Outgoing(text, attachments)) for each, text, attachments in events]
    return session._replace(brought=(offset, missed, vector))


_READERS: Final[Mapping[int, Any]] = {
    Type.HEAD: Head,
    Type.EVENT: _event,
    Type.SESSION: _session,
    Type.MOVE: Move,
    Type.DATA: Data,
    Type.BACK: Back,
    Type.GONE: Gone,
}
