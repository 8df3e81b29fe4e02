"""A bus over Redis pub/sub, as @socket.io/redis-adapter's `createAdapter`.

Every server hears every message of a namespace; the channel's name tells whether a room has members here,
before anything is decoded. Redis keeps nothing: a server that is away from it misses what is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from rtserver.cluster.bus import MEETING, Census, Receive
from rtserver.cluster.message import Message
from rtserver.cluster.redis.channels import Channels
from rtserver.cluster.redis.classic import Classic
from rtserver.cluster.redis.connections import Connections
from rtserver.cluster.redis.forms import ClassicForm
from rtserver.cluster.redis.openings import Channel, Openings
from rtserver.cluster.redis.roll import Roll
from rtserver.cluster.redis.status import RedisStatus
from rtserver.cluster.redis.subscriber import Subscription
from rtserver.cluster.rooms import LocalRooms
from rtserver.errors import ClusterViolation

__all__ = ["PubSubBus"]


class PubSubBus:
    """One server's end. It implements `rtserver.cluster.bus.Bus`.

    Args:
        connections: To Redis, of this bus alone.
        channels: Their names.
    """

    def __init__(self, connections: Connections, channels: Channels) -> None:
        self._connections = connections
        self._channels = channels
        self._uid = connections.uid
        self._form = ClassicForm(channels)
        self._format: Classic
        self._roll = Roll(connections, self.send, channels.responses, "NUMSUB")
        self._openings = Openings(connections.subscriber, self._channels_of)
        self._receive: Receive

    @property
    def uid(self) -> str:
        """The id of this server."""
        return self._uid

    def follow(self, rooms: LocalRooms) -> None:
        """Learn which rooms concern this server."""
        self._format = Classic(self._uid, rooms.has_members, self._channels)

    async def start(self, receive: Receive) -> None:
        """Connect; see `Connections.start`.

        Raises:
            StartError: Redis refuses what the URL says.
        """
        self._receive = receive
        self.open(MEETING)
        await self._connections.start(receive)
        self._roll.start(receive)

    def open(self, namespace: str) -> None:
        """Begin to listen for a namespace."""
        self._openings.open(namespace)

    def shut(self, namespace: str) -> None:
        """Listen for a namespace no longer."""
        self._openings.shut(namespace)

    def _channels_of(self, namespace: str) -> Sequence[Channel]:
        channels, take_response = self._channels, partial(self._take_response, namespace)
        return (
            (Subscription.PATTERN, channels.all_events(namespace), partial(self._take_event, namespace)),
            (Subscription.CHANNEL, channels.requests(namespace), partial(self._take_request, namespace)),
            (Subscription.CHANNEL, channels.responses(namespace), take_response),
            (Subscription.CHANNEL, channels.responses(namespace, self._uid), take_response),
        )

    def send(self, message: Message, room: str | None = None) -> None:
        """Send a message to all other servers."""
        self._connections.publisher.send(self._form.tell(message, room))

    def reply(self, uid: str, message: Message) -> None:
        """Send a message to the server that has asked for it."""
        self._connections.publisher.send(self._form.reply(uid, message))

    async def census(self, namespace: str) -> Census:
        """Count the other servers that listen for a namespace, those of Node among them."""
        return await self._roll.census(namespace, self._channels.requests(namespace))

    async def close(self) -> None:
        """Leave the cluster."""
        await self._roll.close()
        await self._connections.close()

    def status(self) -> RedisStatus:
        """Return how this server stands with Redis."""
        return self._connections.status()

    # What comes.

    def _take_event(self, namespace: str, channel: bytes, body: bytes) -> None:
        try:
            message = self._format.event(namespace, channel.decode(errors="replace"), body)
        except ClusterViolation as violation:
            self._connections.violated(channel, violation)
            return
        if message is not None:
            self._receive(message)

    def _take_request(self, namespace: str, channel: bytes, body: bytes) -> None:
        try:
            message = self._format.request(namespace, body)
        except ClusterViolation as violation:
            self._connections.violated(channel, violation)
            return
        if message.uid != self._uid and not self._roll.take(message):
            self._receive(message)

    def _take_response(self, namespace: str, channel: bytes, body: bytes) -> None:
        try:
            message = self._format.response(namespace, body)
        except ClusterViolation as violation:
            self._connections.violated(channel, violation)
            return
        self._receive(message)
