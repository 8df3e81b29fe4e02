"""Publishes to the channels of a Redis Cluster: each message to the node that has its channel."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Iterator
from typing import Final

from rtserver.cluster.redis.forms import Command
from rtserver.cluster.redis.link import pack_command
from rtserver.cluster.redis.members import Members
from rtserver.cluster.redis.publisher import LIMIT, OVERHEAD, PATIENCE, BeforeResuming, Publisher
from rtserver.cluster.redis.topology import Topology

__all__ = ["ShardPublisher"]

logger = logging.getLogger("rtserver.cluster")

LEAVING: Final = 1.0
"""Seconds in which a node that has no slots any more says which messages it didn't take."""
MOVED: Final = ("MOVED ", "ASK ", "TRYAGAIN ", "CLUSTERDOWN ")
"""How the errors begin of a node that hasn't a slot, or hasn't it alone."""
CHANNEL: Final = re.compile(rb"\*\d+\r\n\$\d+\r\n\w+\r\n\$(\d+)\r\n")
"""A command in the form of Redis' protocol, up to its first argument."""


class ShardPublisher:
    """A `Publisher` over all nodes of a Redis Cluster.

    While it isn't known which node has a channel, messages wait, those that a node has refused ahead of the
    others: so the order is kept.

    Args:
        topology: Where the channels are.
        limit: Bytes of commands that are kept at most for each node, and for those that are unknown.
        patience: Seconds in which a node must answer; otherwise the connection is made again.
    """

    def __init__(self, topology: Topology, limit: int = LIMIT, patience: float = PATIENCE) -> None:
        self._topology = topology
        self._patience = patience
        self.before_resuming: BeforeResuming | None = None
        """As of `Publisher`: waited for before a node whose connection was lost is sent anything."""
        self._limit = limit
        self._members: Members[Publisher] = Members(self._end)
        self._publishers = self._members.present
        self._returned: deque[bytes] = deque()
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._gone = _Counts()
        topology.listen(self._changed)

    @property
    def is_connected(self) -> bool:
        """True while there is a connection to each node that is needed."""
        return self._topology.is_known and all(each.is_connected for each in self._publishers.values())

    @property
    def reconnects(self) -> int:
        """How often a connection was made again."""
        return self._gone.reconnects + sum(each.reconnects for each in self._all())

    @property
    def size(self) -> int:
        """Bytes of commands that Redis hasn't answered."""
        return self._waiting_bytes + sum(each.size for each in self._all())

    @property
    def dropped(self) -> int:
        """Commands that were dropped because more waited than is kept."""
        return self._gone.dropped + sum(each.dropped for each in self._all())

    @property
    def unconfirmed(self) -> int:
        """Commands that were under way when a connection was lost: they may have been carried out, or not."""
        return self._gone.unconfirmed + sum(each.unconfirmed for each in self._all())

    @property
    def refusals(self) -> int:
        """Commands that Redis has refused, other than for their being sent to the wrong node."""
        return self._gone.refusals

    async def start(self) -> None:
        """Learn where the channels are; see `Topology.start`.

        Raises:
            StartError: Redis refuses what the URL says.
        """
        await self._topology.start()
        self._changed()

    def send(self, command: Command) -> None:
        """Send a command whose first argument is a channel, after those before it."""
        packed = pack_command(command)
        node = None if self._returned or self._waiting else self._topology.node_of(str(command[1]))
        if node is None:
            self._wait(packed)
        else:
            self._publisher(node).send_packed(packed)

    async def close(self, patience: float) -> None:
        """Send what waits, for so many seconds, and end."""
        await self._members.close(lambda publisher: publisher.close(patience))
        await self._topology.close()
        lost = len(self._returned) + len(self._waiting)
        if lost:
            logger.error("%d messages for other servers were not sent to Redis before the end", lost)
            self._gone.dropped += lost

    def _publisher(self, node: str) -> Publisher:
        publisher = self._publishers.get(node)
        if publisher is None:
            publisher = Publisher(self._topology.dial_of(node), self._limit, self._refused, self._patience)
            publisher.before_resuming = self.before_resuming
            self._publishers[node] = publisher
            self._members.begin(publisher)
        return publisher

    async def _end(self, publisher: Publisher) -> None:
        await publisher.close(LEAVING)
        self._gone.add(publisher)

    def _all(self) -> Iterator[Publisher]:
        yield from self._publishers.values()
        yield from self._members.leaving

    def _wait(self, packed: bytes) -> None:
        self._waiting.append(packed)
        self._waiting_bytes += len(packed) + OVERHEAD
        while self._waiting_bytes > self._limit:
            oldest = (self._returned or self._waiting).popleft()
            self._waiting_bytes -= len(oldest) + OVERHEAD
            self._gone.dropped += 1
        self._topology.doubt()

    def _refused(self, packed: bytes, error: Exception) -> None:
        if str(error).startswith(MOVED):
            self._returned.append(packed)
            self._waiting_bytes += len(packed) + OVERHEAD
            self._topology.doubt()
            return
        self._gone.refusals += 1
        if self._gone.refusals & (self._gone.refusals - 1) == 0:
            logger.error(
                "Redis has refused a message for other servers, %d so far: %s", self._gone.refusals, error
            )

    def _changed(self) -> None:
        """Send what had to wait, and what waits for nodes that have no slots any more."""
        for name in self._publishers.keys() - self._topology.nodes:
            publisher = self._members.remove(name)
            for packed in publisher.take_waiting():
                self._returned.append(packed)
                self._waiting_bytes += len(packed) + OVERHEAD
        waiting = [*self._returned, *self._waiting]
        self._returned.clear()
        self._waiting.clear()
        self._waiting_bytes = 0
        for index, packed in enumerate(waiting):
            node = self._topology.node_of(_channel_of(packed))
            if node is None:
                for each in waiting[index:]:
                    self._wait(each)
                return
            self._publisher(node).send_packed(packed)


class _Counts:
    """What publishers have counted that are gone."""

    def __init__(self) -> None:
        self.reconnects = self.dropped = self.unconfirmed = self.refusals = 0

    def add(self, publisher: Publisher) -> None:
        self.reconnects += publisher.reconnects
        self.dropped += publisher.dropped
        self.unconfirmed += publisher.unconfirmed


def _channel_of(packed: bytes) -> str:
    match = CHANNEL.match(packed)
    assert match is not None, packed[:40]
    return packed[match.end() : match.end() + int(match[1])].decode()
