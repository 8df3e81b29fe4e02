"""A bus over Redis pub/sub, as @socket.io/redis-adapter's `createAdapter`.

Every server hears every message of a namespace; the channel's name tells whether a room has members here,
before anything is decoded. Redis keeps nothing: a server that is away from it misses what is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from rtserver.cluster.redis.bus import RedisBus
from rtserver.cluster.redis.channels import Channels
from rtserver.cluster.redis.classic import Classic
from rtserver.cluster.redis.connections import Connections
from rtserver.cluster.redis.forms import ClassicForm
from rtserver.cluster.redis.openings import Channel
from rtserver.cluster.redis.subscriber import Subscription
from rtserver.cluster.rooms import LocalRooms
from rtserver.errors import ClusterViolation

__all__ = ["PubSubBus"]


class PubSubBus(RedisBus):
    """One server's end.

    Args:
        connections: To Redis, of this bus alone.
        channels: Their names.
    """

    def __init__(self, connections: Connections, channels: Channels) -> None:
        super().__init__(connections, channels, ClassicForm(channels), channels.requests, channels.responses)
        self._format: Classic

    def follow(self, rooms: LocalRooms) -> None:
        """Learn which rooms concern this server."""
        self._format = Classic(self.uid, rooms.has_members, self._channels)

    def _channels_of(self, namespace: str) -> Sequence[Channel]:
        channels, take_response = self._channels, partial(self._take_response, namespace)
        return (
            (Subscription.PATTERN, channels.all_events(namespace), partial(self._take_event, namespace)),
            (Subscription.CHANNEL, channels.requests(namespace), partial(self._take_request, namespace)),
            (Subscription.CHANNEL, channels.responses(namespace), take_response),
            (Subscription.CHANNEL, channels.responses(namespace, self.uid), take_response),
        )

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
        if message.uid != self.uid and not self._roll.take(message):
            self._receive(message)

    def _take_response(self, namespace: str, channel: bytes, body: bytes) -> None:
        try:
            message = self._format.response(namespace, body)
        except ClusterViolation as violation:
            self._connections.violated(channel, violation)
            return
        self._receive(message)
