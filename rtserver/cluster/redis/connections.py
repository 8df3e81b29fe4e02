"""What a bus over Redis stands on: a connection to publish, one to subscribe, a client for questions."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from redis.asyncio import RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from rtserver.cluster.bus import Receive
from rtserver.cluster.redis.client import answer, connect, sentinels_of
from rtserver.cluster.redis.foreign import PythonFormat
from rtserver.cluster.redis.link import dial_of
from rtserver.cluster.redis.publisher import LIMIT, Publisher
from rtserver.cluster.redis.shard_publisher import ShardPublisher
from rtserver.cluster.redis.shard_subscriber import ShardSubscriber
from rtserver.cluster.redis.status import RedisStatus
from rtserver.cluster.redis.subscriber import INTERVAL, PATIENCE, Heartbeat, Subscriber, Subscription
from rtserver.cluster.redis.topology import Topology
from rtserver.errors import ClusterViolation

__all__ = ["Connections"]

logger = logging.getLogger("rtserver.cluster")

FAREWELL: Final = 2.0
"""Seconds in which what waits is sent when the server leaves."""


class Connections:
    """A server's connections to Redis, whatever its bus says on them.

    Args:
        url: Where Redis is.
        uid: The server's id.
        key: What the names of channels begin with.
        sharded: Whether the heartbeat goes over sharded pub/sub, as the messages do.
        max_waiting: Bytes for other servers that wait at most while Redis doesn't take them.
        python_channel: The channel of python-socketio's managers; None to hear nothing of them.
        heartbeat_interval: Seconds between two heartbeats of the server to itself.
        heartbeat_timeout: Seconds that one may take; then the connection is made again.
        options: Options of redis-py.

    Raises:
        ValueError: The URL is none of Redis.
    """

    def __init__(
        self,
        url: str,
        uid: str,
        key: str,
        *,
        sharded: bool = False,
        max_waiting: int = LIMIT,
        python_channel: str | None = None,
        heartbeat_interval: float = INTERVAL,
        heartbeat_timeout: float = PATIENCE,
        **options: Any,
    ) -> None:
        self.uid = uid
        self.client = connect(url, **{"retry": Retry(NoBackoff(), 1), **options})
        """Of redis-py, for commands whose answers are waited for."""
        self._heartbeat_channel: Final = f"{key}-heartbeat#{uid}#"
        self._heartbeat_interval: Final = heartbeat_interval
        self._heartbeat_timeout: Final = heartbeat_timeout
        self.publisher: Publisher | ShardPublisher
        """Sends what nobody waits for."""
        self.subscriber: Subscriber | ShardSubscriber
        """Hears what others send."""
        if sharded and isinstance(self.client, RedisCluster):
            topology = Topology(self.client)
            self.publisher = ShardPublisher(topology, max_waiting, heartbeat_timeout)
            self.subscriber = ShardSubscriber(topology, self._node_heartbeat)
        else:
            dial = dial_of(self.client)
            command, kind = ("SPUBLISH", Subscription.SHARD) if sharded else ("PUBLISH", Subscription.CHANNEL)
            self.publisher = Publisher(dial, max_waiting, patience=heartbeat_timeout)
            self.subscriber = Subscriber(dial, self._heartbeat(command, kind))
        self._python_channel = python_channel
        self._python = PythonFormat(python_channel or "")
        self._receive: Receive
        self.violations = 0
        """Messages that couldn't be decoded."""

    async def start(self, receive: Receive) -> None:
        """Connect. Where Redis can't be reached, the attempts go on without being waited for.

        Args:
            receive: Takes the messages of python-socketio's managers.

        Raises:
            StartError: Redis refuses what the URL says: the password, the user, the database.
        """
        self._receive = receive
        if self._python_channel is not None:
            self.subscriber.subscribe(Subscription.CHANNEL, self._python_channel, self._take_python)
        results = await asyncio.gather(
            self.publisher.start(), self.subscriber.start(), return_exceptions=True
        )
        for error in results:
            if error is not None:
                await self.close()
                raise error

    async def close(self) -> None:
        """Send what waits, for a short time, and end."""
        await self.publisher.close(FAREWELL)
        await self.subscriber.close()
        for client in (self.client, *sentinels_of(self.client)):
            await client.aclose()

    def status(self) -> RedisStatus:
        """Return how the server stands with Redis."""
        hearing, publisher = self.subscriber.hearing, self.publisher
        now = asyncio.get_running_loop().time()
        return RedisStatus(
            connected=hearing.is_hearing and publisher.is_connected,
            deaf_for=0 if hearing.deaf_since is None else now - hearing.deaf_since,
            deaf_seconds=hearing.deaf_seconds(now),
            lag=hearing.lag,
            reconnects=self.subscriber.reconnects + publisher.reconnects,
            waiting_bytes=publisher.size,
            dropped=publisher.dropped,
            unconfirmed=publisher.unconfirmed,
            refused=publisher.refusals,
            violations=self.violations,
            pickled=self._python.pickled,
        )

    def violated(self, channel: bytes, violation: ClusterViolation) -> None:
        """Count a message that can't be decoded, and log the first, the second, the fourth, ..."""
        self.violations += 1
        if self.violations & (self.violations - 1) == 0:
            logger.warning(
                "%d messages from Redis could not be understood so far; on channel %r: %s",
                self.violations,
                channel.decode(errors="replace"),
                violation,
            )

    def _heartbeat(self, command: str, kind: Subscription, node: str | None = None) -> Heartbeat:
        """Return how this server proves that it hears Redis, or a node of a Redis Cluster."""
        channel = self._heartbeat_channel if node is None else f"{self._heartbeat_channel}{node}#"

        async def publish(body: bytes) -> object:
            target = {} if node is None else {"target_nodes": self.client.get_node(node_name=node)}
            return await answer(self.client.execute_command, command, channel, body, **target)

        return Heartbeat(channel, publish, kind, self._heartbeat_interval, self._heartbeat_timeout)

    def _node_heartbeat(self, node: str) -> Heartbeat:
        # Over ordinary pub/sub, for which it doesn't matter which slots the node has.
        return self._heartbeat("PUBLISH", Subscription.CHANNEL, node)

    def _take_python(self, channel: bytes, body: bytes) -> None:
        try:
            message = self._python.decode(body, asyncio.get_running_loop().time())
        except ClusterViolation as violation:
            self.violated(channel, violation)
            return
        if message is not None:
            self._receive(message)
