"""A bus over Redis pub/sub, as @socket.io/redis-adapter's `createAdapter`.

Every server hears every message of a namespace; the channel's name tells whether a room has members here,
before anything is decoded. Redis keeps nothing: a server that is away from it misses what is sent.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from rtserver.cluster.bus import Census, Receive
from rtserver.cluster.message import Kind, Message
from rtserver.cluster.peers import BEAT, Peers
from rtserver.cluster.redis.channels import Channels
from rtserver.cluster.redis.classic import Classic, encode, encode_response
from rtserver.cluster.redis.client import FAILURES, answer
from rtserver.cluster.redis.connections import Connections
from rtserver.cluster.redis.status import RedisStatus
from rtserver.cluster.redis.subscriber import Subscription
from rtserver.cluster.rooms import LocalRooms
from rtserver.errors import ClusterViolation

__all__ = ["PubSubBus"]

MAIN: Final = "/"
"""The namespace that every server listens for: heartbeats go there."""


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
        self._format: Classic
        self._peers = Peers()
        self._opened: set[str] = set()
        self._receive: Receive
        self._beats: asyncio.Task[None] | None = None

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
        self.open(MAIN)
        await self._connections.start(receive)
        self._beat(Kind.INITIAL_HEARTBEAT)
        self._beats = asyncio.create_task(self._keep_beating(), name="rtserver: heartbeats to other servers")

    def open(self, namespace: str) -> None:
        """Begin to listen for a namespace."""
        if namespace in self._opened:
            return
        self._opened.add(namespace)
        channels, subscribe = self._channels, self._connections.subscriber.subscribe
        subscribe(Subscription.PATTERN, channels.all_events(namespace), partial(self._take_event, namespace))
        subscribe(Subscription.CHANNEL, channels.requests(namespace), partial(self._take_request, namespace))
        take_response = partial(self._take_response, namespace)
        subscribe(Subscription.CHANNEL, channels.responses(namespace), take_response)
        subscribe(Subscription.CHANNEL, channels.responses(namespace, self._uid), take_response)

    def send(self, message: Message, room: str | None = None) -> None:
        """Send a message to all other servers."""
        self._connections.publisher.send(("PUBLISH", *encode(self._channels, message, room)))

    def reply(self, uid: str, message: Message) -> None:
        """Send a message to the server that has asked for it."""
        self._connections.publisher.send(("PUBLISH", *encode_response(self._channels, uid, message)))

    async def census(self, namespace: str) -> Census:
        """Count the other servers that listen for a namespace.

        Redis counts subscriptions, those of Node's servers as well, but also those of connections that are
        dead, which it hasn't noticed. Each server is alone on its channel of responses: there it shows which
        are superfluous.
        """
        now = asyncio.get_running_loop().time()
        alive, dead = self._peers.sort(now, self._connections.subscriber.hearing.since)
        channels = self._channels
        names = [
            channels.requests(namespace),
            *(channels.responses(namespace, uid) for uid in (self._uid, *alive, *dead)),
        ]
        try:
            counts = [count for _, count in await answer(self._connections.client.pubsub_numsub(*names))]
        except FAILURES:
            return Census(len(alive), frozenset(alive))
        total, own, each = counts[0], counts[1], counts[2:]
        listening = [uid for uid, count in zip(alive, each, strict=False) if count]
        others = total - own - (sum(each) - len(listening))
        return Census(max(others, len(listening)), frozenset(listening))

    async def close(self) -> None:
        """Leave the cluster."""
        if self._beats is not None:
            self._beats.cancel()
            await asyncio.gather(self._beats, return_exceptions=True)
            self._beat(Kind.CLOSE)
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
        if message.uid == self._uid:
            return
        if message.kind is Kind.CLOSE:
            self._peers.left(message.uid)
        elif message.kind in (Kind.INITIAL_HEARTBEAT, Kind.HEARTBEAT):
            self._peers.heard(message.uid, asyncio.get_running_loop().time())
            if message.kind is Kind.INITIAL_HEARTBEAT:
                self._beat(Kind.HEARTBEAT)
        else:
            self._receive(message)

    def _take_response(self, namespace: str, channel: bytes, body: bytes) -> None:
        try:
            message = self._format.response(namespace, body)
        except ClusterViolation as violation:
            self._connections.violated(channel, violation)
            return
        self._receive(message)

    # Heartbeats.

    def _beat(self, kind: Kind) -> None:
        self.send(Message(self._uid, MAIN, kind, {}))

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            self._beat(Kind.HEARTBEAT)
