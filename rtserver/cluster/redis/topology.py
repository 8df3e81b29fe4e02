"""Which node of a Redis Cluster has which channel, and when that has changed.

The slots of a cluster move: when a node fails and a replica takes its place, or when an operator moves them.
redis-py finds that out only for the commands that go through it. Here it is asked for again whenever there is
a doubt, and now and then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from redis.asyncio import RedisCluster
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import AuthenticationError, ConnectionError, RedisClusterException

from rtserver.causes import cause
from rtserver.cluster.redis.backoff import Backoff
from rtserver.cluster.redis.client import FAILURES, answer
from rtserver.cluster.redis.ending import end
from rtserver.cluster.redis.link import Dial, connected
from rtserver.errors import StartError

__all__ = ["Topology"]

logger = logging.getLogger("rtserver.cluster")

PERIOD: Final = 30.0
"""Seconds after which it is asked again in any case."""
DOUBTFUL: Final = 0.25
"""Seconds after which it is asked again while there is a doubt."""


class Topology:
    """The nodes of a Redis Cluster that have slots, by their names.

    Args:
        client: The cluster's.
    """

    def __init__(self, client: RedisCluster) -> None:
        self._client = client
        self._listeners: list[Callable[[], None]] = []
        self._doubt = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._starting: asyncio.Task[None] | None = None

    @property
    def is_known(self) -> bool:
        """True once a node has told where the slots are."""
        return bool(self._client.get_primaries())

    @property
    def nodes(self) -> set[str]:
        """The names of the nodes that have slots, or could have."""
        return {node.name for node in self._client.get_primaries()}

    def node_of(self, channel: str) -> str | None:
        """Return the node that has a channel; None while that isn't known."""
        try:
            node = self._client.get_node_from_key(channel)
        except RedisClusterException:
            return None
        return None if node is None else node.name

    def dial_of(self, name: str) -> Dial:
        """Return what makes connections to a node. That they have to be made again raises a doubt."""
        attempts = 0

        async def dial() -> AbstractConnection:
            nonlocal attempts
            attempts += 1
            if attempts > 1:
                self.doubt()
            node = self._client.get_node(node_name=name)
            if node is None:
                raise ConnectionError(f"{name} isn't a node of the Redis Cluster any more")
            return await connected(node.connection_class(**node.connection_kwargs))

        return dial

    def listen(self, changed: Callable[[], None]) -> None:
        """Call a function whenever this has been asked for."""
        self._listeners.append(changed)

    def doubt(self) -> None:
        """Take note that a node wasn't there, or hadn't what was thought to be there."""
        self._doubt.set()

    async def start(self) -> None:
        """Ask for the first time. Where no node can be reached, the attempts go on without being waited for.

        Raises:
            StartError: Redis refuses what the URL says.
        """
        if self._starting is None:
            self._starting = asyncio.create_task(self._begin())
        await asyncio.shield(self._starting)

    async def close(self) -> None:
        """End."""
        await end(self._task)
        self._task = None

    async def _begin(self) -> None:
        try:
            await answer(self._client.initialize)
        except FAILURES as error:
            if isinstance(error.__cause__, AuthenticationError):
                raise StartError(
                    f"the Redis Cluster refuses the connection: {error.__cause__}. Check user and password "
                    "in the URL"
                ) from error
            logger.error(
                "no node of the Redis Cluster can be reached: %s. This server goes on by itself, and tries "
                "again; if this stays, check that the URL is right and the cluster runs",
                cause(error),
            )
            self.doubt()
        self._task = asyncio.create_task(self._keep_current(), name="rtserver: nodes of the Redis Cluster")

    async def _keep_current(self) -> None:
        backoff = Backoff()
        while True:
            try:
                async with asyncio.timeout(PERIOD):
                    await self._doubt.wait()
                await asyncio.sleep(DOUBTFUL)
            except TimeoutError:
                pass
            self._doubt.clear()
            try:
                if self.is_known:
                    await answer(self._client.nodes_manager.initialize)
                else:
                    await answer(self._client.initialize)
                for changed in self._listeners:
                    changed()
            except FAILURES as error:
                logger.debug("no node of the Redis Cluster says where its slots are: %s", error)
                self.doubt()
            except Exception:  # without this task the nodes would stay as they are
                logger.exception("the nodes of the Redis Cluster could not be brought up to date")
                self.doubt()
                await asyncio.sleep(backoff.fail())
            else:
                backoff.reset()
