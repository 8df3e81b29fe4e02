"""The command that carries a message for all servers, in each of the modes of Node's Redis adapters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, get_args

from rtserver.cluster.message import Kind, Message
from rtserver.cluster.redis.channels import KEY, Channels
from rtserver.cluster.redis.classic import encode as encode_classic
from rtserver.cluster.redis.streams.entries import encode as encode_entry
from rtserver.cluster.redis.streams.entries import is_durable
from rtserver.cluster.wire import encode, pack

__all__ = [
    "MAX_LENGTH",
    "MODES",
    "SUBSCRIPTION_MODES",
    "Command",
    "Form",
    "Mode",
    "SubscriptionMode",
    "check_subscription_mode",
    "classic",
    "form_of",
    "has_own_channel",
    "looks_like_a_sid",
    "sharded",
    "streams",
]

Command = tuple[str | bytes | int, ...]
"""A command of Redis: its name, its arguments."""
Form = Callable[[Message, str | None], Command]
"""Makes the command of a message, and of the one room that it is for."""

Mode = Literal["pubsub", "sharded", "streams"]
"""What carries the messages of a cluster: one of Node's three adapters for Redis."""
MODES: Final[tuple[str, ...]] = get_args(Mode)
SubscriptionMode = Literal["static", "dynamic", "dynamic-private"]
"""Which rooms have channels of their own in sharded mode: none, all but those of single clients, or all."""
SUBSCRIPTION_MODES: Final[tuple[str, ...]] = get_args(SubscriptionMode)
MAX_LENGTH: Final = 10_000
"""How many entries a stream keeps, about, as in redis-streams-adapter."""
SID_LENGTH: Final = 20


def form_of(
    mode: str,
    key: str = KEY,
    subscription_mode: SubscriptionMode = "dynamic",
    max_length: int = MAX_LENGTH,
) -> Form:
    """Return the form of a mode.

    Args:
        mode: ``"pubsub"``, ``"sharded"`` or ``"streams"``.
        key: What the names of channels begin with; the stream's name.
        subscription_mode: Which rooms have channels of their own, in sharded mode.
        max_length: How many entries the stream keeps, about.

    Raises:
        ValueError: There is no such mode.
    """
    check_subscription_mode(subscription_mode)
    channels = Channels(key)
    if mode == "pubsub":
        return classic(channels)
    if mode == "sharded":
        return sharded(channels, subscription_mode)
    if mode == "streams":
        return streams(channels, key, max_length)
    raise ValueError(f"received the mode {mode!r}, expected one of {', '.join(MODES)}")


def classic(channels: Channels) -> Form:
    """Return the form of @socket.io/redis-adapter's ``createAdapter``: pub/sub."""

    def form(message: Message, room: str | None) -> Command:
        return ("PUBLISH", *encode_classic(channels, message, room))

    return form


def check_subscription_mode(mode: str) -> None:
    """Check that there is such a subscription mode.

    Raises:
        ValueError: There isn't.
    """
    if mode not in SUBSCRIPTION_MODES:
        raise ValueError(
            f"received the subscription mode {mode!r}, expected one of {', '.join(SUBSCRIPTION_MODES)}"
        )


def sharded(channels: Channels, mode: SubscriptionMode) -> Form:
    """Return the form of @socket.io/redis-adapter's ``createShardedAdapter``: sharded pub/sub.

    Args:
        channels: The cluster's.
        mode: Which rooms have channels of their own.
    """

    def form(message: Message, room: str | None) -> Command:
        own = room is not None and has_own_channel(message, room, mode)
        channel = channels.events(message.namespace, room if own else None)
        return ("SPUBLISH", channel, encode(message))

    return form


def has_own_channel(message: Message, room: str, mode: SubscriptionMode) -> bool:
    """Tell whether a message for one room goes to a channel of that room."""
    if message.kind is not Kind.BROADCAST or "requestId" in message.data:
        return False
    return mode == "dynamic-private" or (mode == "dynamic" and not looks_like_a_sid(room))


def looks_like_a_sid(room: str) -> bool:
    """Tell whether Node's adapter takes a room for one that a single client has of its own."""
    length = len(room.encode("utf-16-le", "surrogatepass")) // 2  # as JavaScript counts
    return length == SID_LENGTH


def streams(channels: Channels, stream: str, max_length: int) -> Form:
    """Return the form of @socket.io/redis-streams-adapter.

    What servers are to do at once, or not at all, doesn't go to the stream but to pub/sub.

    Args:
        channels: The cluster's.
        stream: The stream's name.
        max_length: How many entries it keeps, about.
    """

    def form(message: Message, room: str | None) -> Command:
        if not is_durable(message):
            uid, namespace, kind, data = message
            body = {"uid": uid, "nsp": namespace, "type": int(kind), "data": data}
            return ("PUBLISH", channels.events(namespace), pack(body))
        return ("XADD", stream, "MAXLEN", "~", max_length, "*", *encode_entry(message).fields())

    return form
