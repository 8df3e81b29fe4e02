"""A client's session in streams mode, and the record of it that any server can take it up from.

    sio:session:<pid>  base64(msgpack {sid, pid, rooms, data})

This is what Node's adapter keeps in Redis. Ours have a field ``rtserver`` beside these, which it ignores:

    nsp     the namespace
    begin   an offset: before it nothing is needed
    left    the offset at which the client left
    floor   an offset: up to it the changes of room aren't known any more
    moves   the changes of room: [offset, room, whether it was entered]
    leaving whether the client's handlers still ran

A server's own entries take their time to the stream and back. So an offset that is kept here has both parts,
the id of the last entry that was read, and the number of the last that was sent.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from rtserver.cluster.redis.streams.offsets import START, Offset, parse_offset
from rtserver.cluster.wire import load, pack
from rtserver.errors import ClusterViolation
from rtserver.server.namespace import Room
from rtserver.server.recovery.session import MAX_MOVES, Positions, RecoverableSession

__all__ = ["Move", "Record", "StreamSession", "decode", "encode", "record_of"]

OWN: Final = "rtserver"


class Move(NamedTuple):
    """One change of room."""

    after: Offset
    """What was sent up to there was sent before it."""
    room: Room
    entered: bool


class Record(NamedTuple):
    """What is known of a client that is away."""

    sid: str
    pid: str
    rooms: Sequence[Room]
    """The rooms that it was in, without its own."""
    data: dict[str, Any] | None
    namespace: str | None = None
    """None where a server of Node's has kept it: then there is nothing below."""
    begin: Offset = Offset(START)
    left: Offset = Offset(START)
    floor: Offset = Offset(START)
    moves: Sequence[Move] = ()
    is_leaving: bool = False
    """Whether handlers still ran for the client that may change its data."""

    @property
    def is_ours(self) -> bool:
        """Whether one of our servers has kept it."""
        return self.namespace is not None


class StreamSession(RecoverableSession):
    """A session that other servers may take up.

    Args:
        pid: The secret by which the client claims it.
        sid: The client's id.
        namespace: The name of the namespace.
        positions: Those of the stream.
        uid: The id of this server.
        opened_at: When it began on this server, by the clock.
        earlier: What is known from another server.
    """

    __slots__ = ("begin", "earlier", "left", "opened_at", "uid")

    def __init__(
        self,
        pid: str,
        sid: str,
        namespace: str,
        positions: Positions,
        *,
        uid: str,
        opened_at: float,
        earlier: Record | None = None,
    ) -> None:
        super().__init__(pid, sid, namespace, positions)
        self.uid = uid
        self.opened_at = opened_at
        self.earlier = earlier
        self.begin = self.left = Offset.at(self.since, uid)
        """Before `begin` nothing is needed; what was sent up to `left` was sent before the client left."""


def record_of(session: StreamSession, is_leaving: bool) -> Record:
    """Describe the session of a client that is away.

    Args:
        session: The session.
        is_leaving: Whether its handlers still run.
    """
    earlier, uid = session.earlier, session.uid
    moves = [Move(Offset.at(position, uid), room, entered) for position, room, entered in session.moves]
    floor = Offset.at(session.floor, uid)
    if earlier is not None:
        moves = [*earlier.moves, *moves]
        if session.floor == session.since:  # nothing is forgotten of this server's time
            floor = earlier.floor
    if len(moves) > MAX_MOVES:
        floor = moves[-MAX_MOVES - 1].after
        moves = moves[-MAX_MOVES:]
    return Record(
        session.sid,
        session.pid,
        session.rooms,
        session.data,
        session.namespace,
        session.begin,
        session.left,
        floor,
        moves,
        is_leaving,
    )


def encode(record: Record) -> bytes:
    """Encode a record.

    Raises:
        TypeError: The application's data can't be serialized.
    """
    rooms = [room for room in record.rooms if isinstance(room, (str, int))]
    packed = pack(
        {
            "sid": record.sid,
            "pid": record.pid,
            "rooms": [record.sid, *rooms],
            "data": record.data or {},
            OWN: {
                "nsp": record.namespace,
                "begin": str(record.begin),
                "left": str(record.left),
                "floor": str(record.floor),
                "leaving": record.is_leaving,
                "moves": [
                    [str(after), room, entered]
                    for after, room, entered in record.moves
                    if isinstance(room, (str, int))
                ],
            },
        }
    )
    return b64encode(packed)


def decode(value: bytes) -> Record:
    """Decode a record.

    Raises:
        ClusterViolation: It isn't one.
    """
    try:
        loaded = load(b64decode(value))
    except ValueError as error:
        raise ClusterViolation(f"a session: received {value[:20]!r}: {error}") from None
    if not isinstance(loaded, Mapping):
        raise ClusterViolation(f"a session: received {value[:20]!r}, expected an object")
    sid, pid, rooms, data = (loaded.get(key) for key in ("sid", "pid", "rooms", "data"))
    if not isinstance(sid, str) or not isinstance(pid, str) or not isinstance(rooms, list):
        raise ClusterViolation(f"a session: received {value[:20]!r}, expected sid, pid and rooms")
    known = tuple(room for room in rooms if isinstance(room, (str, int)) and room != sid)
    record = Record(sid, pid, known, data if isinstance(data, dict) else None)
    own = loaded.get(OWN)
    return record if own is None else _with_own(record, own)


def _with_own(record: Record, own: Any) -> Record:
    try:
        moves = [Move(_offset(after), room, bool(entered)) for after, room, entered in own["moves"]]
        begin, left, floor = (_offset(own[key]) for key in ("begin", "left", "floor"))
        namespace = own["nsp"]
    except (TypeError, ValueError, KeyError) as error:
        raise ClusterViolation(f"a session: {error!r:.80} in its field {OWN!r}") from None
    if not isinstance(namespace, str) or not all(isinstance(move.room, (str, int)) for move in moves):
        raise ClusterViolation(f"a session: the field {OWN!r} has no namespace, or wrong rooms")
    return record._replace(
        namespace=namespace,
        begin=begin,
        left=left,
        floor=floor,
        moves=moves,
        is_leaving=bool(own.get("leaving")),
    )


def _offset(text: Any) -> Offset:
    found = parse_offset(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"received {text!r:.40}, expected an offset")
    return found
