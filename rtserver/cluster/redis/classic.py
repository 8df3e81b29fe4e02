"""The pub/sub format of @socket.io/redis-adapter 8 and @socket.io/redis-emitter, from and to `Message`.

Events without acknowledgment are msgpack, ``[uid, packet, opts]``, on a channel for everyone or for one room.
Requests and responses have channels of their own; they are JSON, or msgpack where there may be bytes in them:

    {"uid": "bTrh2X", "requestId": "3SgVMf", "type": 5, "opts": {"rooms": ["r1"], "except": []}}
    {"requestId": "3SgVMf", "sockets": [{"id": ..., "handshake": ..., "rooms": ..., "data": ...}]}

A response of Node's names no sender. Ours have a ``uid``, which Node ignores: so it is known who is silent.
Older versions sent a single client's ``sid`` and ``room`` in place of ``opts`` and ``rooms``, and asked for
sids (type 0) where newer ones fetch sockets (type 5).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any, Final, NamedTuple

from rtserver.cluster.message import Kind, Message
from rtserver.cluster.redis.channels import Channels
from rtserver.cluster.rooms import HasMembers, concerns, concerns_any
from rtserver.cluster.wire import dump, load, pack
from rtserver.errors import ClusterViolation
from rtserver.socketio.msgpack_data import Unpacker

__all__ = ["EMITTER", "UNNAMED", "Classic", "Publication", "encode", "encode_response"]

EMITTER: Final = "emitter"
"""What emitters call themselves; stands for the sender of a request that names none, as well."""
UNNAMED: Final = ""
"""Stands for the sender of a response that names none."""


class Publication(NamedTuple):
    """What is to be published."""

    channel: str
    body: bytes


class Type(IntEnum):
    """The types of requests and responses, as redis-adapter numbers them."""

    SOCKETS = 0
    ALL_ROOMS = 1
    JOIN = 2
    LEAVE = 3
    DISCONNECT = 4
    FETCH = 5
    SERVER_SIDE_EMIT = 6
    BROADCAST = 7
    CLIENT_COUNT = 8
    ACK = 9


_OURS: Final = {
    kind.name.lower(): kind
    for kind in (
        Kind.INITIAL_HEARTBEAT,
        Kind.HEARTBEAT,
        Kind.CLOSE,
        Kind.LOCATE,
        Kind.LOCATED,
        Kind.TAKE,
        Kind.TAKEN,
    )
}
"""What only our servers tell each other: Node leaves types out that it doesn't know."""


# What is sent.


def encode(channels: Channels, message: Message, room: str | None = None) -> Publication:
    """Encode a message for all other servers.

    Args:
        channels: The cluster's.
        message: The message: no response.
        room: The one room that an event is for.

    Raises:
        TypeError: Something in it can't be serialized.
    """
    uid, namespace, kind, data = message
    if kind is Kind.BROADCAST:
        packet = {**data["packet"], "nsp": namespace}
        if "requestId" not in data:
            return Publication(channels.events(namespace, room), pack([uid, packet, data["opts"]]))
        body = pack(_request(message, Type.BROADCAST, packet=packet, opts=data["opts"]))
    elif kind is Kind.SERVER_SIDE_EMIT:
        body = dump(_request(message, Type.SERVER_SIDE_EMIT, data=data["packet"]))
    elif kind is Kind.DISCONNECT:
        body = dump(_request(message, Type.DISCONNECT, opts=_who(data), close=data["close"]))
    elif kind is Kind.FETCH:
        body = dump(_request(message, Type.FETCH, opts=_who(data)))
    elif kind is Kind.JOIN or kind is Kind.LEAVE:
        type = Type.JOIN if kind is Kind.JOIN else Type.LEAVE
        body = dump(_request(message, type, opts=_who(data), rooms=data["rooms"]))
    else:
        body = _encode_ours(message)
    return Publication(channels.requests(namespace), body)


def encode_response(channels: Channels, uid: str, message: Message) -> Publication:
    """Encode a response.

    Args:
        channels: The cluster's.
        uid: Who has asked.
        message: The response.

    Raises:
        TypeError: Something in it can't be serialized.
    """
    own, namespace, kind, data = message
    if kind is Kind.CLIENT_ANSWER:
        # Node sends this one in msgpack whatever is in it.
        body = pack({"type": Type.ACK, **data, "uid": own})
    elif kind is Kind.CLIENT_COUNT:
        body = dump({"type": Type.CLIENT_COUNT, **data, "uid": own})
    elif kind is Kind.SERVER_SIDE_ANSWER:
        renamed = {"data" if key == "packet" else key: value for key, value in data.items()}
        body = dump({"type": Type.SERVER_SIDE_EMIT, **renamed, "uid": own})
    elif kind.name.lower() in _OURS:
        body = _encode_ours(message)
    else:
        body = dump({**data, "uid": own})
    return Publication(channels.responses(namespace, None if uid == EMITTER else uid), body)


def _request(message: Message, type: Type, **fields: Any) -> dict[str, Any]:
    request: dict[str, Any] = {"uid": message.uid}
    if "requestId" in message.data:
        request["requestId"] = message.data["requestId"]
    return {**request, "type": type, **fields}


def _encode_ours(message: Message) -> bytes:
    name = message.kind.name.lower()
    assert name in _OURS, message.kind
    return dump({**message.data, "uid": message.uid, "type": name})


def _who(data: Mapping[str, Any]) -> dict[str, Any]:
    return {"rooms": data["opts"]["rooms"], "except": data["opts"]["except"]}


# What is received.


class Classic:
    """One server's view of the format.

    Args:
        uid: The server's id.
        has_members: Whom it has.
        channels: The cluster's.
    """

    __slots__ = ("_has_members", "_own", "_unpacker", "channels", "uid")

    def __init__(self, uid: str, has_members: HasMembers, channels: Channels) -> None:
        self.uid = uid
        self.channels = channels
        self._has_members = has_members
        self._own = b"\x93" + pack(uid)
        """How this server's own events begin."""
        self._unpacker = Unpacker()

    def event(self, namespace: str, channel: str, body: bytes) -> Message | None:
        """Decode an event, where it is for anyone here.

        The channel's name and the options are looked at first: the packet of an event for others is never
        decoded.

        Args:
            namespace: The namespace whose pattern has matched.
            channel: Where the event came.
            body: The event.

        Returns:
            The event; None where it is this server's own, or for rooms in which nobody is, or of another
            namespace whose channel looks like a room of this one.

        Raises:
            ClusterViolation: It can't be understood.
        """
        if body.startswith(self._own):
            return None
        room = channel[len(self.channels.events(namespace)) : -1]
        if room:
            is_meant = concerns(self._has_members, namespace, room)
        else:
            is_meant = self._concerns_any(namespace, body)
        if not is_meant:
            return None
        loaded = load(body)
        if not isinstance(loaded, list) or len(loaded) != 3 or not isinstance(loaded[1], dict):
            raise ClusterViolation(f"an event: received {body[:40]!r}, expected [uid, packet, opts]")
        uid, packet, opts = loaded
        if packet.get("nsp", "/") != namespace:
            return None
        event = {"type": 2, "data": packet.get("data")}
        return Message(_name(uid, EMITTER), namespace, Kind.BROADCAST, {"packet": event, "opts": opts})

    def _concerns_any(self, namespace: str, body: bytes) -> bool:
        try:
            marks = self._unpacker.marks(body)
        except ValueError as error:
            raise ClusterViolation(f"an event that can't be decoded: {error}") from None
        opts = load(body[marks[2] :]) if len(marks) == 4 else None
        rooms = opts.get("rooms") if isinstance(opts, dict) else None
        if not isinstance(rooms, list):
            return True  # `event` says what is wrong with it
        return concerns_any(self._has_members, namespace, rooms)

    def request(self, namespace: str, body: bytes) -> Message:
        """Decode a request.

        Raises:
            ClusterViolation: It can't be understood.
        """
        request = _load(body, "request")
        uid, type = _name(request.get("uid"), EMITTER), request.get("type")
        if isinstance(type, str) and type in _OURS:
            return _ours(uid, namespace, request)
        read = _REQUESTS.get(type) if isinstance(type, int) else None
        if read is None:
            raise ClusterViolation(f"a request of type {type!r:.40}: expected 0 to {Type.BROADCAST}")
        kind, data = read(request)
        if "requestId" in request:
            data["requestId"] = request["requestId"]
        return Message(uid, namespace, kind, data)

    def response(self, namespace: str, body: bytes) -> Message:
        """Decode a response, whoever has asked.

        Raises:
            ClusterViolation: It can't be understood.
        """
        response = _load(body, "response")
        uid = _name(response.get("uid"), UNNAMED)
        type = response.get("type")
        if isinstance(type, str) and type in _OURS:
            return _ours(uid, namespace, response)
        kind, data = _response(response)
        return Message(uid, namespace, kind, {"requestId": response.get("requestId"), **data})


def _load(body: bytes, what: str) -> dict[str, Any]:
    loaded = load(body)
    if not isinstance(loaded, dict):
        raise ClusterViolation(f"a {what}: received {body[:40]!r}, expected an object")
    return loaded


def _ours(uid: str, namespace: str, body: dict[str, Any]) -> Message:
    kind = _OURS[body["type"]]
    return Message(
        uid, namespace, kind, {key: value for key, value in body.items() if key not in ("uid", "type")}
    )


def _name(uid: Any, otherwise: str) -> str:
    return uid if isinstance(uid, str) else otherwise


Read = Callable[[dict[str, Any]], tuple[Kind, dict[str, Any]]]


def _joining(kind: Kind) -> Read:
    def read(request: dict[str, Any]) -> tuple[Kind, dict[str, Any]]:
        if "opts" in request:
            return kind, {"opts": request["opts"], "rooms": request.get("rooms")}
        return kind, {"opts": {"rooms": [request.get("sid")]}, "rooms": [request.get("room")]}

    return read


def _disconnect(request: dict[str, Any]) -> tuple[Kind, dict[str, Any]]:
    opts = request["opts"] if "opts" in request else {"rooms": [request.get("sid")]}
    return Kind.DISCONNECT, {"opts": opts, "close": request.get("close")}


_REQUESTS: Final[Mapping[int, Read]] = {
    Type.SOCKETS: lambda request: (Kind.SIDS, {"opts": {"rooms": request.get("rooms")}}),
    Type.ALL_ROOMS: lambda request: (Kind.ALL_ROOMS, {}),
    Type.JOIN: _joining(Kind.JOIN),
    Type.LEAVE: _joining(Kind.LEAVE),
    Type.DISCONNECT: _disconnect,
    Type.FETCH: lambda request: (Kind.FETCH, {"opts": request.get("opts")}),
    Type.SERVER_SIDE_EMIT: lambda request: (Kind.SERVER_SIDE_EMIT, {"packet": request.get("data")}),
    Type.BROADCAST: lambda request: (
        Kind.BROADCAST,
        {"packet": request.get("packet"), "opts": request.get("opts")},
    ),
}


def _answer(response: dict[str, Any], key: str) -> dict[str, Any]:
    answer = {"packet": response.get(key)}
    return {**answer, "more": response["more"]} if "more" in response else answer


def _response(response: dict[str, Any]) -> tuple[Kind, dict[str, Any]]:
    number = response.get("type")
    if number == Type.CLIENT_COUNT:
        return Kind.CLIENT_COUNT, {"clientCount": response.get("clientCount")}
    if number == Type.ACK:
        return Kind.CLIENT_ANSWER, _answer(response, "packet")
    if number == Type.SERVER_SIDE_EMIT:
        return Kind.SERVER_SIDE_ANSWER, _answer(response, "data")
    if "sockets" in response:
        sockets = response["sockets"]
        are_sids = isinstance(sockets, list) and any(isinstance(each, str) for each in sockets)
        return (Kind.SIDS_ANSWER if are_sids else Kind.FETCHED), {"sockets": sockets}
    if "rooms" in response:
        return Kind.ALL_ROOMS_ANSWER, {"rooms": response["rooms"]}
    return Kind.DONE, {}
