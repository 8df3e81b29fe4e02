"""Who is in the cluster: servers of ours by their heartbeats, and all of them by their subscriptions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

from rtserver.cluster.bus import MEETING, Census, Receive
from rtserver.cluster.message import Kind, Message
from rtserver.cluster.peers import BEAT, Peers
from rtserver.cluster.redis.client import FAILURES, count_subscriptions
from rtserver.cluster.redis.connections import Connections
from rtserver.cluster.redis.ending import end

__all__ = ["Roll"]

LOOK: Final = 0.05
"""Seconds after which it is looked again whether others are back."""


class Roll:
    """Sends heartbeats to the other servers, and takes theirs.

    Args:
        connections: To Redis.
        send: Sends a message to all other servers.
        own: Returns the channel of a namespace that one server listens to alone.
        command: Which command of Redis counts the subscriptions to channels: ``NUMSUB`` or ``SHARDNUMSUB``.
    """

    def __init__(
        self,
        connections: Connections,
        send: Callable[[Message], None],
        own: Callable[[str, str], str],
        command: str,
    ) -> None:
        self._connections = connections
        self._uid = connections.uid
        self._command = command
        self._send = send
        self._own = own
        self._peers = Peers()
        self._companions: set[str] = set()
        """The servers that were alive when heartbeats were last heard."""
        connections.publisher.before_resuming = self._everyone_hears
        self._receive: Receive
        self._task: asyncio.Task[None] | None = None

    def start(self, receive: Receive) -> None:
        """Begin.

        Args:
            receive: Takes a ``CLOSE`` in the name of each server that sends no heartbeats any more.
        """
        self._receive = receive
        self._beat(Kind.INITIAL_HEARTBEAT)
        self._task = asyncio.create_task(self._keep_beating(), name="rtserver: heartbeats to other servers")

    async def close(self) -> None:
        """Say that this server leaves."""
        if self._task is not None:
            await end(self._task)
            self._beat(Kind.CLOSE)

    def take(self, message: Message) -> bool:
        """Take a message if it is about this. Returns False for what others are to know as well."""
        if message.kind is Kind.INITIAL_HEARTBEAT or message.kind is Kind.HEARTBEAT:
            self._peers.heard(message.uid, asyncio.get_running_loop().time())
            self._companions.add(message.uid)
            if message.kind is Kind.INITIAL_HEARTBEAT:
                self._beat(Kind.HEARTBEAT)
            return True
        if message.kind is Kind.CLOSE:
            self._peers.left(message.uid)
            self._companions.discard(message.uid)
        return False

    async def census(self, namespace: str, everyone: str) -> Census:
        """Count the other servers.

        Redis counts subscriptions, those of Node's servers as well, but also those of connections that are
        dead, which it hasn't noticed. Each server is alone on a channel of its own: there it shows which are
        superfluous. Where Redis can't be asked, the servers that are known by name are all that are.

        Args:
            namespace: Those that listen for this namespace.
            everyone: The channel to which all of them listen.
        """
        hearing = self._connections.subscriber.hearing
        if not hearing.is_hearing:
            return Census(len(self._companions), frozenset(self._companions))
        alive, dead = self._peers.sort(asyncio.get_running_loop().time(), hearing.since)
        own = partial(self._own, namespace)
        names = [everyone, *(own(uid) for uid in (self._uid, *alive, *dead))]
        try:
            counts = await count_subscriptions(self._connections.client, self._command, names)
        except FAILURES:
            return Census(len(alive), frozenset(alive))
        listening = [uid for uid in alive if counts[own(uid)]]
        superfluous = sum(counts[own(uid)] for uid in (*alive, *dead)) - len(listening)
        others = counts[everyone] - counts[own(self._uid)] - superfluous
        return Census(max(others, len(listening)), frozenset(listening))

    def _beat(self, kind: Kind) -> None:
        self._send(Message(self._uid, MEETING, kind, {}))

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            self._beat(Kind.HEARTBEAT)
            hearing = self._connections.subscriber.hearing
            if hearing.is_hearing:
                alive, _ = self._peers.sort(asyncio.get_running_loop().time(), hearing.since)
                silent, self._companions = self._companions.difference(alive), set(alive)
                for uid in silent:
                    self._receive(Message(uid, MEETING, Kind.CLOSE, {}))

    async def _everyone_hears(self) -> None:
        """Wait until this server hears again, and those that were there before Redis was away."""
        names = [self._own(MEETING, uid) for uid in (self._uid, *self._companions)]
        while True:
            with suppress(*FAILURES):
                counts = await count_subscriptions(self._connections.client, self._command, names)
                if all(counts[name] for name in names):
                    return
            await asyncio.sleep(LOOK)
