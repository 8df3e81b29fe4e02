"""The commands that carry messages, in each of the modes of Node's Redis adapters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol, get_args

from rtserver.cluster.message import Kind, Message
from rtserver.cluster.redis.channels import KEY, Channels
from rtserver.cluster.redis.classic import encode as encode_classic
from rtserver.cluster.redis.classic import encode_response
from rtserver.cluster.redis.streams.entries import Entry, is_durable
from rtserver.cluster.redis.streams.entries import encode as encode_entry
from rtserver.cluster.redis.streams.names import StreamNames
from rtserver.cluster.wire import encode, pack

__all__ = [
    "MAX_LENGTH",
    "MODES",
    "SUBSCRIPTION_MODES",
    "ClassicForm",
    "Command",
    "Form",
    "Mode",
    "ShardedForm",
    "StreamsForm",
    "SubscriptionMode",
    "add_to_stream",
    "check_subscription_mode",
    "form_of",
    "looks_like_a_sid",
]

Command = tuple[str | bytes | int, ...]
"""A command of Redis: its name, its arguments."""

Mode = Literal["pubsub", "sharded", "streams"]
"""What carries the messages of a cluster: one of Node's three adapters for Redis."""
MODES: Final[tuple[str, ...]] = get_args(Mode)
SubscriptionMode = Literal["static", "dynamic", "dynamic-private"]
"""Which rooms have channels of their own in sharded mode: none, all but those of single clients, or all."""
SUBSCRIPTION_MODES: Final[tuple[str, ...]] = get_args(SubscriptionMode)
MAX_LENGTH: Final = 10_000
"""How many entries a stream keeps, about, as in redis-streams-adapter."""
SID_LENGTH: Final = 20


class Form(Protocol):
    """How messages are put for one mode."""

    def tell(self, message: Message, room: str | None) -> Command:
        """Return the command that carries a message to all servers.

        Args:
            message: The message.
            room: The one room that it is for, where that is so.

        Raises:
            TypeError: Something in the message can't be serialized.
        """

    def reply(self, uid: str, message: Message) -> Command:
        """Return the command that carries a message to one server, which has asked for it.

        Raises:
            TypeError: Something in the message can't be serialized.
        """


def form_of(
    mode: str,
    key: str = KEY,
    subscription_mode: SubscriptionMode = "dynamic",
    max_length: int = MAX_LENGTH,
    stream_count: int = 1,
) -> Form:
    """Return the form of a mode.

    Args:
        mode: ``"pubsub"``, ``"sharded"`` or ``"streams"``.
        key: What the names of channels begin with; the stream's name.
        subscription_mode: Which rooms have channels of their own, in sharded mode.
        max_length: How many entries a stream keeps, about.
        stream_count: How many streams there are.

    Raises:
        ValueError: There is no such mode.
    """
    check_subscription_mode(subscription_mode)
    channels = Channels(key)
    if mode == "pubsub":
        return ClassicForm(channels)
    if mode == "sharded":
        return ShardedForm(channels, subscription_mode)
    if mode == "streams":
        return StreamsForm(channels, StreamNames(key, stream_count), max_length)
    raise ValueError(f"received the mode {mode!r}, expected one of {', '.join(MODES)}")


def check_subscription_mode(mode: str) -> None:
    """Check that there is such a subscription mode.

    Raises:
        ValueError: There isn't.
    """
    if mode not in SUBSCRIPTION_MODES:
        raise ValueError(
            f"received the subscription mode {mode!r}, expected one of {', '.join(SUBSCRIPTION_MODES)}"
        )


@dataclass(frozen=True, slots=True)
class ClassicForm:
    """That of @socket.io/redis-adapter's ``createAdapter``: pub/sub."""

    channels: Channels

    def tell(self, message: Message, room: str | None) -> Command:
        """Return the command that carries a message to all servers."""
        return ("PUBLISH", *encode_classic(self.channels, message, room))

    def reply(self, uid: str, message: Message) -> Command:
        """Return the command that carries a message to one server."""
        return ("PUBLISH", *encode_response(self.channels, uid, message))


@dataclass(frozen=True, slots=True)
class ShardedForm:
    """That of @socket.io/redis-adapter's ``createShardedAdapter``: sharded pub/sub."""

    channels: Channels
    mode: SubscriptionMode
    """Which rooms have channels of their own."""

    def tell(self, message: Message, room: str | None) -> Command:
        """Return the command that carries a message to all servers, or to those that listen to its room."""
        own = room if room is not None and self.has_own_channel(message, room) else None
        return ("SPUBLISH", self.channels.events(message.namespace, own), encode(message))

    def reply(self, uid: str, message: Message) -> Command:
        """Return the command that carries a message to one server."""
        return ("SPUBLISH", self.channels.server(message.namespace, uid), encode(message))

    def has_own_channel(self, message: Message, room: str) -> bool:
        """Tell whether a message for one room goes to a channel of that room."""
        if message.kind is not Kind.BROADCAST or "requestId" in message.data:
            return False
        return self.mode == "dynamic-private" or (self.mode == "dynamic" and not looks_like_a_sid(room))


def looks_like_a_sid(room: str) -> bool:
    """Tell whether Node's adapter takes a room for one that a single client has of its own."""
    length = len(room.encode("utf-16-le", "surrogatepass")) // 2  # as JavaScript counts
    return length == SID_LENGTH


@dataclass(frozen=True, slots=True)
class StreamsForm:
    """That of @socket.io/redis-streams-adapter.

    What servers are to do at once, or not at all, doesn't go to a stream but to pub/sub.
    """

    channels: Channels
    names: StreamNames
    max_length: int
    """How many entries a stream keeps, about."""

    def tell(self, message: Message, room: str | None) -> Command:
        """Return the command that carries a message to all servers."""
        if is_durable(message):
            return add_to_stream(self.names.of(message.namespace), self.max_length, encode_entry(message))
        return self._publish(self.channels.events(message.namespace), message)

    def reply(self, uid: str, message: Message) -> Command:
        """Return the command that carries a message to one server."""
        return self._publish(self.channels.server(message.namespace, uid), message)

    def _publish(self, channel: str, message: Message) -> Command:
        uid, namespace, kind, data = message
        return ("PUBLISH", channel, pack({"uid": uid, "nsp": namespace, "type": int(kind), "data": data}))


def add_to_stream(stream: str, max_length: int, entry: Entry) -> Command:
    """Return the command that adds an entry to a stream, which keeps about so many."""
    return ("XADD", stream, "MAXLEN", "~", max_length, "*", *entry.fields())
