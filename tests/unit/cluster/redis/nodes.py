"""A Redis Cluster of two ordinary Redis, whose channels are where a test says."""

from __future__ import annotations

from collections.abc import Callable

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection

from rtserver.cluster.redis.link import Dial, dial_of

__all__ = ["Nodes"]


class Nodes:
    """What `Topology` knows, and what a test changes of it.

    Args:
        urls: Where the nodes are, by their names.
    """

    def __init__(self, **urls: str) -> None:
        self._clients = {name: Redis.from_url(url) for name, url in urls.items()}
        self._listeners: list[Callable[[], None]] = []
        self.places: dict[str, str] = {}
        """The node of each channel."""
        self.nodes = set(urls)
        self.dead: set[str] = set()
        self.doubts = 0

    @property
    def is_known(self) -> bool:
        return True

    def node_of(self, channel: str) -> str | None:
        return self.places.get(channel)

    def dial_of(self, name: str) -> Dial:
        dial = dial_of(self._clients[name])

        async def dial_alive() -> AbstractConnection:
            if name in self.dead:
                raise ConnectionError(f"{name} is dead")
            return await dial()

        return dial_alive

    def listen(self, changed: Callable[[], None]) -> None:
        self._listeners.append(changed)

    def doubt(self) -> None:
        self.doubts += 1

    def change(self, **places: str) -> None:
        """Put channels on nodes, and tell those who listen."""
        self.places |= places
        for changed in self._listeners:
            changed()

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        for client in self._clients.values():
            await client.aclose()

    def client(self, name: str) -> Redis:
        return self._clients[name]
