"""What the servers of a cluster tell each other: the messages of Socket.IO's cluster adapter.

Every way to carry them (workers on one machine, Redis in three modes) has the same ones. Those with an older
format of their own translate it from and to these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

from rtserver.errors import ClusterViolation
from rtserver.server.answers import SocketDetails
from rtserver.server.target import PLAIN, Flags, Target
from rtserver.server.written import Written

__all__ = [
    "Kind",
    "Message",
    "answer_of",
    "describe",
    "describe_answer",
    "details_of",
    "event_of",
    "flags_of",
    "options",
    "target_of",
]


class Kind(IntEnum):
    """The type of a message, as the cluster adapter numbers them."""

    INITIAL_HEARTBEAT = 1
    HEARTBEAT = 2
    BROADCAST = 3
    """An event for clients; with a ``requestId``, each is to acknowledge it."""
    JOIN = 4
    LEAVE = 5
    DISCONNECT = 6
    FETCH = 7
    FETCHED = 8
    SERVER_SIDE_EMIT = 9
    """An event for the servers themselves; with a ``requestId``, each is to answer it."""
    SERVER_SIDE_ANSWER = 10
    CLIENT_COUNT = 11
    """How many clients of one server an event with acknowledgment went to."""
    CLIENT_ANSWER = 12
    CLOSE = 13
    """A server has gone: it answers nothing any more. Buses say so themselves where they notice."""

    # What only the older redis-adapter has. The numbers are no protocol's.
    ALL_ROOMS = 101
    """Asks for the names of all rooms."""
    ALL_ROOMS_ANSWER = 102
    SIDS = 103
    """Asks for the ids of the clients in rooms."""
    SIDS_ANSWER = 104
    DONE = 105
    """A client of this server was put into a room, taken out of one or disconnected, as was asked for."""

    # What only our servers have: `rtserver.cluster.recovery.transfer`. Node's leave it out.
    LOCATE = 201
    """Asks who has the session of a client that is back."""
    LOCATED = 202
    TAKE = 203
    """Asks for that session."""
    TAKEN = 204


class Message(NamedTuple):
    """One message."""

    uid: str
    """The id of the server that sent it; of an emitter, which is no server, a name of its own."""
    namespace: str
    kind: Kind
    data: Mapping[str, Any]


# What an event or an operation is for.


def options(target: Target, flags: Flags = PLAIN, timeout: float | None = None) -> dict[str, Any]:
    """Describe a target and flags as the adapters do.

    Args:
        target: Who is meant.
        flags: How an event is delivered.
        timeout: Seconds that clients have for their acknowledgments.
    """
    described: dict[str, Any] = {}
    if flags is not PLAIN:
        if flags.volatile:
            described["volatile"] = True
        if not flags.compress:
            described["compress"] = False
        if flags.key is not None:
            described["conflate"] = flags.key
    if timeout is not None:
        described["timeout"] = round(timeout * 1000)
    return {"rooms": list(target.rooms), "except": list(target.except_rooms), "flags": described}


def target_of(namespace: str, opts: Any) -> Target:
    """Read who is meant.

    Raises:
        ClusterViolation: It can't be understood.
    """
    if not isinstance(opts, Mapping):
        raise ClusterViolation(f"opts of a message: received {type(opts).__name__}, expected an object")
    return Target(namespace, _rooms(opts, "rooms"), _rooms(opts, "except"))


def _rooms(opts: Mapping[str, Any], key: str) -> Sequence[Any]:
    rooms = opts.get(key) or ()
    if not isinstance(rooms, (list, tuple)) or not all(isinstance(room, (str, int)) for room in rooms):
        raise ClusterViolation(f"{key} of a message: received {rooms!r:.80}, expected an array of names")
    return rooms


def flags_of(opts: Mapping[str, Any]) -> tuple[Flags, float | None]:
    """Read how an event is delivered, and how many seconds clients have for their acknowledgments."""
    described = opts.get("flags")
    if not isinstance(described, Mapping) or not described:
        return PLAIN, None
    key = described.get("conflate")
    flags = Flags(
        volatile=bool(described.get("volatile")),
        compress=described.get("compress") is not False,
        key=key if isinstance(key, str) else None,
    )
    timeout = described.get("timeout")
    seconds = timeout / 1000 if isinstance(timeout, (int, float)) and timeout > 0 else None
    return (PLAIN if flags == PLAIN else flags), seconds


def event_of(packet: Any) -> Sequence[Any]:
    """Read an event's name and arguments from a packet, or from the data of a server-side event.

    Raises:
        ClusterViolation: It has none.
    """
    if packet.__class__ is Written:
        written: Written = packet
        return written
    args = packet.get("data") if isinstance(packet, Mapping) else packet
    if not isinstance(args, (list, tuple)) or not args or not isinstance(args[0], str):
        raise ClusterViolation(f"an event of a message: received {args!r:.80}, expected an array with a name")
    return list(args)


# Answers of clients, and of servers.


def describe_answer(answer: Any) -> dict[str, Any]:
    """Describe an answer: Node's servers take the first argument, which is all that they give; ours all.

    Args:
        answer: As `rtserver.server.answers.Answers` has it.
    """
    if isinstance(answer, tuple):
        return {"packet": answer[0], "more": list(answer[1:])}
    return {"packet": answer}


def answer_of(data: Mapping[str, Any]) -> Any:
    """Read an answer."""
    more = data.get("more")
    return (data.get("packet"), *more) if isinstance(more, list) and more else data.get("packet")


# Sockets.


def describe(details: SocketDetails) -> dict[str, Any]:
    """Describe a socket as the adapters do."""
    return {
        "id": details.sid,
        "handshake": details.handshake,
        "rooms": details.rooms,
        "data": details.data,
    }


def details_of(described: Any) -> SocketDetails:
    """Read the description of a socket.

    Raises:
        ClusterViolation: It isn't one.
    """
    if not isinstance(described, Mapping) or not isinstance(described.get("id"), str):
        raise ClusterViolation(f"a socket of a message: received {described!r:.80}, expected its id and data")
    handshake, rooms, data = (described.get(key) for key in ("handshake", "rooms", "data"))
    return SocketDetails(
        described["id"],
        dict(handshake) if isinstance(handshake, Mapping) else {},
        list(rooms) if isinstance(rooms, (list, tuple)) else [],
        dict(data) if isinstance(data, Mapping) else {},
    )
