"""What one server gives another of a client that has come back there, as a message carries it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from rtserver.engineio.outgoing import Outgoing
from rtserver.errors import ClusterViolation
from rtserver.server.namespace import Room
from rtserver.server.recovery.brought import Missed

__all__ = ["Taken", "Wanted", "describe", "rooms_of", "shared", "taken_of", "wanted_of"]


class Wanted(NamedTuple):
    """What a client wants that is back."""

    namespace: str
    pid: str
    """The secret by which it claims its session."""
    offset: str | None = None
    """The offset of the last event that it has received; None if there was none."""
    limit: int = 0
    """Bytes that the events may have that it has missed."""


class Taken(NamedTuple):
    """A session, and what its client has missed."""

    sid: str
    rooms: Sequence[Room]
    data: dict[str, Any] | None
    missed: Sequence[Missed]
    vector: Mapping[str, int]
    """The number of the latest event of each server that it could have missed there: later ones, it has."""


def describe(taken: Taken) -> dict[str, Any]:
    """Return the fields of a message."""
    return {
        "sid": taken.sid,
        "rooms": shared(taken.rooms),
        "data": taken.data,
        "events": [
            [offset, outgoing.text.decode("utf-8", "replace"), *outgoing.attachments]
            for offset, outgoing in taken.missed
        ],
        "seen": dict(taken.vector),
    }


def shared(rooms: Iterable[Room]) -> list[Room]:
    """Return those of the rooms that mean something to other servers."""
    return [room for room in rooms if isinstance(room, (str, int))]


def wanted_of(data: Mapping[str, Any]) -> Wanted:
    """Read the fields of a question.

    Raises:
        ClusterViolation: It can't be understood.
    """
    namespace, pid, offset, limit = (data.get(key) for key in ("namespace", "pid", "offset", "limit"))
    if not all(isinstance(name, str) for name in (namespace, pid, offset or "")) or type(limit) is not int:
        raise ClusterViolation(
            f"a question for a session: received {sorted(data)!s:.80}, expected namespace, pid, offset, limit"
        )
    return Wanted(str(namespace), str(pid), offset, limit)


def taken_of(data: Mapping[str, Any]) -> Taken | None:
    """Read the fields of a message.

    Returns:
        None where it says that there is no such session.

    Raises:
        ClusterViolation: It can't be understood.
    """
    sid = data.get("sid")
    if sid is None:
        return None
    state, events, seen = (data.get(key) for key in ("data", "events", "seen"))
    if not isinstance(sid, str) or not isinstance(state, dict | None) or not isinstance(seen, Mapping):
        raise _violation(data)
    try:
        missed = [_missed(*event) for event in events]  # type: ignore[union-attr]
        vector = {str(uid): int(number) for uid, number in seen.items()}
    except (TypeError, ValueError, AttributeError):
        raise _violation(data) from None
    return Taken(sid, rooms_of(data), state, missed, vector)


def rooms_of(data: Mapping[str, Any]) -> Sequence[Room]:
    """Read the rooms of a session.

    Raises:
        ClusterViolation: They can't be understood.
    """
    rooms = data.get("rooms")
    if not isinstance(rooms, (list, tuple)) or not all(isinstance(room, (str, int)) for room in rooms):
        raise _violation(data)
    return tuple(rooms)


def _missed(offset: str, text: str, *attachments: bytes) -> Missed:
    if not isinstance(offset, str) or not all(isinstance(each, bytes) for each in attachments):
        raise TypeError
    return Missed(offset, Outgoing(text.encode("utf-8", "replace"), attachments))


def _violation(data: Mapping[str, Any]) -> ClusterViolation:
    return ClusterViolation(
        f"the session of a client: received {sorted(data)!s:.80}, expected sid, rooms, data, events, seen"
    )
