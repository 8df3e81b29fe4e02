"""Subscribes to channels of a Redis Cluster: each on the node that has it, and on another when it moves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from rtserver.cluster.redis.members import Members
from rtserver.cluster.redis.subscriber import Heartbeat, Subscriber, Subscription, Take
from rtserver.cluster.redis.topology import Topology
from rtserver.errors import StartError

__all__ = ["ShardHearing", "ShardSubscriber"]

logger = logging.getLogger("rtserver.cluster")

Key = tuple[Subscription, str]
"""A subscription: its kind and the channel."""


class ShardSubscriber:
    """A `Subscriber` over all nodes of a Redis Cluster. A node is connected to when it has a channel.

    Args:
        topology: Where the channels are.
        heartbeat: Returns how this server proves that it hears a node.
    """

    def __init__(self, topology: Topology, heartbeat: Callable[[str], Heartbeat]) -> None:
        self._topology = topology
        self._heartbeat = heartbeat
        self._takes: dict[Key, Take] = {}
        self._places: dict[Key, str] = {}
        """The node on which each channel is subscribed to; none for those that are nowhere."""
        self._members: Members[Subscriber] = Members(Subscriber.close)
        self._subscribers = self._members.present
        self._is_started = False
        self._reconnects = 0
        self.hearing = ShardHearing(self._subscribers)
        """Whether messages arrive."""
        topology.listen(self._changed)

    @property
    def reconnects(self) -> int:
        """How often a connection was made again, or a node replaced."""
        return self._reconnects + sum(each.reconnects for each in self._subscribers.values())

    async def start(self) -> None:
        """Connect to the nodes, and wait until what has been subscribed to is heard.

        Raises:
            StartError: Redis refuses what the URL says.
        """
        self.hearing.begin(asyncio.get_running_loop().time())
        await self._topology.start()
        self._place_all()
        self._is_started = True
        starting = map(self._members.start, self._subscribers.values())
        for result in await asyncio.gather(*starting, return_exceptions=True):
            if isinstance(result, StartError):
                raise result

    async def close(self) -> None:
        """End."""
        await self._members.close(Subscriber.close)
        await self._topology.close()

    # Subscriptions.

    def subscribe(self, kind: Subscription, name: str, take: Take) -> None:
        """Hear a channel from now on, wherever it will be."""
        self._takes[kind, name] = take
        if self._is_started:
            self._place((kind, name))

    def unsubscribe(self, kind: Subscription, name: str) -> None:
        """Hear a channel no longer."""
        self._takes.pop((kind, name), None)
        self._withdraw((kind, name))

    def confirmation(self, channel: str) -> asyncio.Future[None] | None:
        """Return what is done when Redis has confirmed a subscription to a channel, or can't."""
        node = self._places.get((Subscription.SHARD, channel))
        return None if node is None else self._subscribers[node].confirmation(channel)

    def _place(self, key: Key) -> None:
        node = self._topology.node_of(key[1])
        if node == self._places.get(key):
            if node is None:
                self._topology.doubt()
            return
        self._withdraw(key)
        if node is None:
            self._topology.doubt()
            return
        self._places[key] = node
        self._subscriber(node).subscribe(*key, self._takes[key])

    def _withdraw(self, key: Key) -> None:
        node = self._places.pop(key, None)
        if node is not None and node in self._subscribers:
            self._subscribers[node].unsubscribe(*key)

    def _lost(self, kind: Subscription, name: bytes, reason: str) -> None:
        """Take note that a node doesn't have a channel: it will be looked for."""
        logger.info("a node of the Redis Cluster doesn't have channel %r: %s", name, reason)
        self._places.pop((kind, name.decode()), None)
        self._topology.doubt()

    # Nodes.

    def _subscriber(self, node: str) -> Subscriber:
        subscriber = self._subscribers.get(node)
        if subscriber is None:
            subscriber = Subscriber(self._topology.dial_of(node), self._heartbeat(node), self._lost)
            subscriber.hearing.begin(asyncio.get_running_loop().time())
            self._subscribers[node] = subscriber
            if self._is_started:
                self._members.begin(subscriber)
        return subscriber

    def _place_all(self) -> None:
        for key in tuple(self._takes):
            self._place(key)

    def _changed(self) -> None:
        if not self._is_started:
            return
        self._place_all()
        for node in self._subscribers.keys() - self._topology.nodes:
            subscriber = self._members.remove(node)
            self.hearing.forget(subscriber)
            self._reconnects += 1 + subscriber.reconnects


class ShardHearing:
    """Whether the messages of all nodes arrive. It has what is read of `Hearing`.

    Args:
        subscribers: Those of the nodes.
    """

    def __init__(self, subscribers: dict[str, Subscriber]) -> None:
        self._subscribers = subscribers
        self._began = 0.0
        self._past = 0.0

    @property
    def is_hearing(self) -> bool:
        """True while messages arrive from every node that has a channel."""
        return bool(self._subscribers) and all(each.hearing.is_hearing for each in self._subscribers.values())

    @property
    def deaf_since(self) -> float | None:
        """Since when messages may have been missed; None while they arrive."""
        if not self._subscribers:
            return self._began
        times = (each.hearing.deaf_since for each in self._subscribers.values())
        return min((time for time in times if time is not None), default=None)

    @property
    def since(self) -> float:
        """Since when they arrive, while they do."""
        return max((each.hearing.since for each in self._subscribers.values()), default=self._began)

    @property
    def lag(self) -> float | None:
        """How long the slowest heartbeat took to come back; None before the first."""
        lags = (each.hearing.lag for each in self._subscribers.values())
        return max((lag for lag in lags if lag is not None), default=None)

    def deaf_seconds(self, now: float) -> float:
        """Return for how long messages were missed in total, the present time included."""
        return self._past + max(
            (each.hearing.deaf_seconds(now) for each in self._subscribers.values()),
            default=now - self._began,
        )

    def begin(self, now: float) -> None:
        """Take note that messages are to be heard from now on."""
        self._began = now

    def forget(self, subscriber: Subscriber) -> None:
        """Take note that a node isn't listened to any more."""
        self._past += subscriber.hearing.deaf_seconds(asyncio.get_running_loop().time())
