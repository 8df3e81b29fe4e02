"""The command that carries a message for all servers, in each of the modes of Node's Redis adapters."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Final, Literal, get_args

from rtserver.cluster.message import Kind, Message
from rtserver.cluster.redis.channels import KEY, Channels
from rtserver.cluster.redis.classic import encode as encode_classic
from rtserver.cluster.wire import dump, encode, pack

__all__ = ["MAX_LENGTH", "MODES", "Command", "Form", "Mode", "classic", "form_of", "sharded", "streams"]

Command = tuple[str | bytes | int, ...]
"""A command of Redis: its name, its arguments."""
Form = Callable[[Message, str | None], Command]
"""Makes the command of a message, and of the one room that it is for."""

Mode = Literal["pubsub", "sharded", "streams"]
"""What carries the messages of a cluster: one of Node's three adapters for Redis."""
MODES: Final[tuple[str, ...]] = get_args(Mode)
MAX_LENGTH: Final = 10_000
"""How many entries a stream keeps, about, as in redis-streams-adapter."""
SID_LENGTH: Final = 20


def form_of(mode: str, key: str = KEY, dynamic: bool = True, max_length: int = MAX_LENGTH) -> Form:
    """Return the form of a mode.

    Args:
        mode: ``"pubsub"``, ``"sharded"`` or ``"streams"``.
        key: What the names of channels begin with; the stream's name.
        dynamic: Whether rooms have channels of their own: the ``subscriptionMode`` of sharded adapters.
        max_length: How many entries the stream keeps, about.

    Raises:
        ValueError: There is no such mode.
    """
    channels = Channels(key)
    if mode == "pubsub":
        return classic(channels)
    if mode == "sharded":
        return sharded(channels, dynamic)
    if mode == "streams":
        return streams(channels, key, max_length)
    raise ValueError(f"received the mode {mode!r}, expected one of {', '.join(MODES)}")


def classic(channels: Channels) -> Form:
    """Return the form of @socket.io/redis-adapter's ``createAdapter``: pub/sub."""

    def form(message: Message, room: str | None) -> Command:
        return ("PUBLISH", *encode_classic(channels, message, room))

    return form


def sharded(channels: Channels, dynamic: bool) -> Form:
    """Return the form of @socket.io/redis-adapter's ``createShardedAdapter``: sharded pub/sub.

    Args:
        channels: The cluster's.
        dynamic: Whether rooms have channels of their own.
    """

    def form(message: Message, room: str | None) -> Command:
        own = dynamic and room is not None and has_own_channel(message, room)
        channel = channels.events(message.namespace, room if own else None)
        return ("SPUBLISH", channel, encode(message))

    return form


def has_own_channel(message: Message, room: str) -> bool:
    """Tell whether a message goes to the channel of its room.

    Clients' own rooms have no channel: a room whose name is as long as a sid is taken for one.
    """
    length = len(room.encode("utf-16-le", "surrogatepass")) // 2  # as JavaScript counts
    return message.kind is Kind.BROADCAST and "requestId" not in message.data and length != SID_LENGTH


def streams(channels: Channels, stream: str, max_length: int) -> Form:
    """Return the form of @socket.io/redis-streams-adapter.

    What servers are to do at once, or not at all, doesn't go to the stream but to pub/sub.

    Args:
        channels: The cluster's.
        stream: The stream's name.
        max_length: How many entries it keeps, about.
    """

    def form(message: Message, room: str | None) -> Command:
        uid, namespace, kind, data = message
        if kind in (Kind.FETCH, Kind.SERVER_SIDE_EMIT) or "requestId" in data:
            body = {"uid": uid, "nsp": namespace, "type": int(kind), "data": data}
            return ("PUBLISH", channels.events(namespace), pack(body))
        dumped = dump(data)
        if not dumped.startswith(b"{"):
            dumped = b64encode(dumped)
        fields = ("uid", uid, "nsp", namespace, "type", str(int(kind)), "data", dumped)
        return ("XADD", stream, "MAXLEN", "~", max_length, "*", *fields)

    return form
