"""Who is in the cluster: servers of ours by their heartbeats, and all of them by their subscriptions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ClassVar

from rtserver.cluster.bus import Census
from rtserver.cluster.message import Kind, Message
from rtserver.cluster.peers import BEAT, Peers
from rtserver.cluster.redis.client import FAILURES, count_subscriptions
from rtserver.cluster.redis.connections import Connections

__all__ = ["Roll"]


class Roll:
    """Sends heartbeats to the other servers, and takes theirs.

    Args:
        connections: To Redis.
        send: Sends a message to all other servers.
        command: Which command of Redis counts the subscriptions to channels: ``NUMSUB`` or ``SHARDNUMSUB``.
    """

    NAMESPACE: ClassVar = "/"
    """The namespace that every server listens for: heartbeats go there."""

    def __init__(self, connections: Connections, send: Callable[[Message], None], command: str) -> None:
        self._connections = connections
        self._uid = connections.uid
        self._command = command
        self._send = send
        self._peers = Peers()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._beat(Kind.INITIAL_HEARTBEAT)
        self._task = asyncio.create_task(self._keep_beating(), name="rtserver: heartbeats to other servers")

    async def close(self) -> None:
        """Say that this server leaves."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._beat(Kind.CLOSE)

    def take(self, message: Message) -> bool:
        """Take a message if it is about this. Returns False for any other."""
        if message.kind is Kind.CLOSE:
            self._peers.left(message.uid)
        elif message.kind is Kind.INITIAL_HEARTBEAT or message.kind is Kind.HEARTBEAT:
            self._peers.heard(message.uid, asyncio.get_running_loop().time())
            if message.kind is Kind.INITIAL_HEARTBEAT:
                self._beat(Kind.HEARTBEAT)
        else:
            return False
        return True

    async def census(self, everyone: str, own: Callable[[str], str]) -> Census:
        """Count the other servers.

        Redis counts subscriptions, those of Node's servers as well, but also those of connections that are
        dead, which it hasn't noticed. Each server is alone on a channel of its own: there it shows which are
        superfluous. Where Redis can't be asked, the servers that are known by name are all that are.

        Args:
            everyone: The channel that all servers listen to.
            own: Returns the channel that one server listens to alone.
        """
        since = self._connections.subscriber.hearing.since
        alive, dead = self._peers.sort(asyncio.get_running_loop().time(), since)
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
        self._send(Message(self._uid, self.NAMESPACE, kind, {}))

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            self._beat(Kind.HEARTBEAT)
