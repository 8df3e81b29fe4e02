"""A Redis Cluster of real redis-servers: a few masters that share the slots, and replicas of the first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from .redis import RedisServer, free_port

__all__ = ["RedisClusterServers"]

SLOTS = 16384
PATIENCE = 30.0
"""Seconds that the nodes have to find each other."""
NODE_TIMEOUT = 500
"""Milliseconds without an answer after which a node is taken for dead."""


class RedisClusterServers:
    """A running cluster.

    Args:
        folder: For what the nodes keep.
        masters: How many there are.
        replicas: How many replicas the first master has.
    """

    def __init__(self, folder: Path, masters: int = 3, replicas: int = 0) -> None:
        self._folder = folder
        self._count = masters
        self._replicas = replicas
        self._stack = AsyncExitStack()
        self.nodes: list[RedisServer] = []
        """The masters, then the replicas."""

    @property
    def url(self) -> str:
        """The URL of the second node, which knows the others."""
        return f"redis+cluster://127.0.0.1:{self.nodes[1].port}"

    async def __aenter__(self) -> RedisClusterServers:
        async with self._stack:
            for number in range(self._count + self._replicas):
                folder = self._folder / f"node-{number}"
                folder.mkdir()
                bus = free_port()
                options = ("--cluster-enabled", "yes", "--cluster-port", str(bus))
                patience = ("--cluster-node-timeout", str(NODE_TIMEOUT), "--repl-diskless-sync-delay", "0")
                node = await self._stack.enter_async_context(RedisServer(folder, *options, *patience))
                self.nodes.append(node)
                await self.command(0, "CLUSTER", "MEET", "127.0.0.1", node.port, bus)
            for number in range(self._count):
                first, last = SLOTS * number // self._count, SLOTS * (number + 1) // self._count - 1
                await self.command(number, "CLUSTER", "ADDSLOTSRANGE", first, last)
            for number in range(len(self.nodes)):
                await self._until(number, self._knows_all)
            for number in range(self._count, len(self.nodes)):
                master = (await self.command(0, "CLUSTER", "MYID")).decode()
                await self.command(number, "CLUSTER", "REPLICATE", master)
                await self._until(number, self._is_replica)
            self._stack = self._stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def command(self, number: int, *command: str | int) -> Any:
        """Let a node carry out a command."""
        async with Redis.from_url(self.nodes[number].url) as client:
            return await client.execute_command(*command)  # type: ignore[no-untyped-call]

    async def move(self, channel: str, to: int) -> None:
        """Give the slot of a channel to another master, as an operator does. There are no keys in it."""
        slot, owner = await self.command(to, "CLUSTER", "KEYSLOT", channel), await self.owner(channel)
        source, target = [(await self.command(number, "CLUSTER", "MYID")).decode() for number in (owner, to)]
        await self.command(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", source)
        await self.command(owner, "CLUSTER", "SETSLOT", slot, "MIGRATING", target)
        for number in (to, owner, *(set(range(self._count)) - {to, owner})):
            await self.command(number, "CLUSTER", "SETSLOT", slot, "NODE", target)

    async def owner(self, channel: str) -> int:
        """Return the number of the master that has the slot of a channel."""
        slot = await self.command(0, "CLUSTER", "KEYSLOT", channel)
        for first, last, master, *_ in await self.command(0, "CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(i for i, node in enumerate(self.nodes) if node.port == master[1])
        raise AssertionError(f"nobody has slot {slot}")

    async def _until(self, number: int, condition: Callable[[int], Awaitable[bool]]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not await condition(number):  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.02)

    async def _knows_all(self, number: int) -> bool:
        info: bytes = await self.command(number, "CLUSTER", "INFO")
        return b"cluster_known_nodes:%d" % len(self.nodes) in info and b"cluster_state:ok" in info

    async def _is_replica(self, number: int) -> bool:
        info: dict[str, Any] = await self.command(number, "INFO", "replication")
        return info.get("master_link_status") == "up"
