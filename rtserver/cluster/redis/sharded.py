"""A bus over Redis' sharded pub/sub, as @socket.io/redis-adapter's `createShardedAdapter`.

In a Redis Cluster each channel is on the shard that has its slot, and nowhere else; Redis 7 has such channels
without a cluster, too. In dynamic mode a room has a channel of its own, to which only the servers listen that
have members in it: what is sent to a room doesn't even arrive at the others.

What is sent to a room before Redis has taken a server's subscription doesn't reach its new members there, as
with Node's adapter. Three things are done so that hardly anything is sent in that moment:

- Whoever puts a client of this server into a room can wait: `settle`.
- What this server sends to rooms into which it has just told others to put clients goes to all servers.
- A room that has become empty is listened to for some seconds more: see `rtserver.cluster.rooms`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import ClassVar, Final

from rtserver.cluster.message import Kind, Message
from rtserver.cluster.reader import Reader
from rtserver.cluster.redis.bus import RedisBus
from rtserver.cluster.redis.channels import Channels
from rtserver.cluster.redis.connections import Connections
from rtserver.cluster.redis.forms import ShardedForm, SubscriptionMode, looks_like_a_sid
from rtserver.cluster.redis.openings import Channel
from rtserver.cluster.redis.subscriber import Subscription
from rtserver.cluster.rooms import LocalRooms
from rtserver.errors import ClusterViolation
from rtserver.server.namespace import Room

__all__ = ["ShardedBus"]

SETTLED: Final = 1.0
"""Seconds that Redis has to take a subscription which is waited for."""
SPREAD: Final = 2.0
"""Seconds for which what is sent to a room goes to all servers, once they are told to put clients into it."""


class ShardedBus(RedisBus):
    """One server's end.

    Args:
        connections: To Redis, of this bus alone.
        channels: Their names.
        mode: Which rooms have channels of their own, as on all servers.
    """

    counted_by: ClassVar[str] = "SHARDNUMSUB"

    def __init__(self, connections: Connections, channels: Channels, mode: SubscriptionMode) -> None:
        form = ShardedForm(channels, mode)
        super().__init__(connections, channels, form, channels.events, channels.server)
        self._mode: Final = mode
        self._rooms: LocalRooms
        self._reader: Reader
        self._spread: dict[tuple[str, Room], float] = {}
        """Rooms into which clients elsewhere are being put, and until when: the first to end at the front."""

    def follow(self, rooms: LocalRooms) -> None:
        """Learn which rooms concern this server."""
        self._rooms = rooms
        self._reader = Reader(self.uid, rooms.has_members)
        if self._mode != "static":
            rooms.watch(self)

    def _channels_of(self, namespace: str) -> Sequence[Channel]:
        names = self._channels.events(namespace), self._channels.server(namespace, self.uid)
        return [(Subscription.SHARD, name, self._take) for name in names]

    def send(self, message: Message, room: str | None = None) -> None:
        """Send a message to all other servers, or to those that listen to its room."""
        if room is not None and self._must_reach_all(message.namespace, room):
            room = None
        if message.kind is Kind.JOIN and self._mode != "static":
            self._note_joining(message)
        super().send(message, room)

    # Rooms.

    def takes(self, room: str) -> bool:
        """Tell whether a room has a channel of its own."""
        return self._mode == "dynamic-private" or not looks_like_a_sid(room)

    def listen(self, namespace: str, room: str) -> None:
        """Begin to listen to a room."""
        channel = self._channels.events(namespace, room)
        self._connections.subscriber.subscribe(Subscription.SHARD, channel, self._take)

    def ignore(self, namespace: str, room: str) -> None:
        """Listen to a room no longer."""
        channel = self._channels.events(namespace, room)
        if not self._openings.has(channel):  # a namespace that is named like this room of another
            self._connections.subscriber.unsubscribe(Subscription.SHARD, channel)

    def _is_needed(self, channel: str) -> bool:
        """Tell whether a channel is that of a room which is listened to."""
        return any(self._rooms.is_watched(*names) for names in self._channels.rooms_of(channel))

    def settle(self, namespace: str, rooms: Sequence[str]) -> Awaitable[object] | None:
        """Wait until Redis has taken the subscriptions to rooms, for a second at most."""
        names = [self._channels.events(namespace, room) for room in (None, *rooms)]
        subscriber = self._connections.subscriber
        waiting = [each for name in names if (each := subscriber.confirmation(name)) is not None]
        return asyncio.wait(waiting, timeout=SETTLED) if waiting else None

    def _must_reach_all(self, namespace: str, room: str) -> bool:
        if self._rooms.has_history(namespace, room):
            return True  # every server that keeps a room's history has to get what is sent to it
        return bool(self._spread) and self._is_joining((namespace, room))

    def _note_joining(self, message: Message) -> None:
        self._expire()
        end = asyncio.get_running_loop().time() + SPREAD
        for room in message.data["rooms"]:
            self._spread.pop((message.namespace, room), None)
            self._spread[message.namespace, room] = end

    def _is_joining(self, key: tuple[str, Room]) -> bool:
        self._expire()
        return key in self._spread

    def _expire(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._spread:
            first, end = next(iter(self._spread.items()))
            if end > now:
                break
            del self._spread[first]

    # What comes.

    def _take(self, channel: bytes, body: bytes) -> None:
        try:
            message = self._reader.read(body)
        except ClusterViolation as violation:
            self._connections.violated(channel, violation)
            return
        if message is not None and not self._roll.take(message):
            self._receive(message)
