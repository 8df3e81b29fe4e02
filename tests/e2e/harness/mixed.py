"""A cluster of two of our servers and one of Node's over one Redis, with official clients on each of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from rtserver import Emitter, RedisManager, Server
from rtserver.cluster.redis.forms import Mode, SubscriptionMode

from .channel import NodeProcess
from .either import Either, OurServer, Servers
from .interface_application import INTERFACE, Steps, follow
from .node import Node, NodeSocket
from .redis import RedisServer
from .server import Hosting

__all__ = ["CLIENTS", "MODES", "OURS", "SIDES", "TWENTY", "Event", "MixedCluster", "Wiring", "mixed_cluster"]

OURS = ("one", "two")
SIDES = (*OURS, "node")
TWENTY = "a room of 20 letters"
"""A room that Node's sharded adapter takes for a client's own, by the length of its name."""
CLIENTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "a": ("/", ("red",)),
    "b": ("/", ("red", "blue", "grün ☘", TWENTY)),
    "c": ("/", ()),
    "d": ("/chat", ("red",)),
}
"""What each server has: namespace and rooms of its clients, which are called ``"one a"``, ``"node d"``."""
ANSWER = "question"
"""The event that each client answers with its name."""
PATIENCE = 20.0
"""Seconds that anything may take."""

Event = tuple[Any, ...]
"""A name and arguments."""


@dataclass(frozen=True)
class Wiring:
    """How the servers of a cluster are joined.

    Args:
        mode: The mode, as ours and emitters call it, and the adapters of `node/adapters.js`.
        subscription_mode: Which rooms have channels of their own, in sharded mode.
    """

    mode: Mode
    subscription_mode: SubscriptionMode = "dynamic"

    @property
    def has_channels_of_rooms(self) -> bool:
        """Whether what is for one room goes only to servers that listen for it."""
        return self.mode == "sharded" and self.subscription_mode != "static"


MODES = {
    "pubsub": Wiring("pubsub"),
    "sharded, dynamic": Wiring("sharded"),
    "sharded, dynamic-private": Wiring("sharded", "dynamic-private"),
    "sharded, static": Wiring("sharded", "static"),
    "streams": Wiring("streams"),
}


class MixedCluster:
    """The running cluster.

    Args:
        wiring: How it is joined.
        redis: What carries its messages.
        servers: Starts its servers, which stop with them.
        node: The driver of its clients.

    Attributes:
        sides: The servers by name.
        ours: Those of ours by name, as applications have them.
        clients: The clients by name, in the order in which they were connected.
        emitters: What takes the steps of a chain from a namespace on, by name: sides without clients.
    """

    def __init__(self, wiring: Wiring, redis: RedisServer, servers: Servers, node: Node) -> None:
        self.wiring = wiring
        self.redis = redis
        self.node = node
        self.sides: dict[str, Either] = {}
        self.ours: dict[str, Server] = {}
        self.clients: dict[str, NodeSocket] = {}
        self.emitters: dict[str, Callable[[str, Steps], Any]] = {}
        self._servers = servers
        self._client: Any = Redis.from_url(redis.url)
        self._ends = 0
        self._seen: dict[str, int] = {}

    async def start(self) -> None:
        """Start the servers, and connect the clients of `CLIENTS`."""
        for side in SIDES:
            server = self.sides[side] = await self._start(side)
            if isinstance(server, OurServer):
                self.ours[side] = server.sio
        for namespace in ("/", "/chat"):
            await self.listening(len(SIDES), namespace)
        for side in SIDES:
            for letter, (namespace, rooms) in CLIENTS.items():
                await self.connect(side, letter, *rooms, namespace=namespace)
        await self.listening(len(SIDES), "/chat", "red")

    async def _start(self, side: str) -> Either:
        wiring = self.wiring
        adapter = {"mode": wiring.mode, "url": self.redis.url}
        if wiring.mode == "sharded":
            adapter["subscriptionMode"] = wiring.subscription_mode
        options = dict(INTERFACE.options)
        if side in OURS:
            options["client_manager"] = RedisManager(
                self.redis.url, wiring.mode, subscription_mode=wiring.subscription_mode
            )
        application = replace(INTERFACE, node_options={"adapter": adapter}, options=options)
        return await self._servers.start("rtserver" if side in OURS else "node", application)

    async def close(self) -> None:
        await self._client.aclose()

    # Clients.

    async def connect(self, side: str, letter: str, *rooms: str, namespace: str = "/") -> NodeSocket:
        """Connect a client to one of the servers, and let it be called by the server's name and its own."""
        name = f"{side} {letter}"
        auth = {"name": name, "rooms": rooms}
        client = await self.node.connect(self.sides[side].url, namespace=namespace, auth=auth)
        assert await self.sides[side].log.next("connect") == [name]
        await client.answer(ANSWER, name)
        if self.wiring.subscription_mode == "dynamic-private":
            await self.listening(1, namespace, client.sid)
        self.clients[name] = client
        self._seen[name] = 0
        return client

    def forget(self, *names: str) -> None:
        """Expect nothing more of these clients."""
        for name in names:
            del self.clients[name]

    def names(self, letters: str, sides: tuple[str, ...] = SIDES) -> list[str]:
        """Return the names of the clients with these letters, on these sides."""
        return sorted(f"{side} {letter}" for side in sides for letter in letters)

    # What is done.

    async def run(self, side: str, origin: str, *steps: list[Any]) -> Any:
        """Take the steps of a chain on one side.

        Args:
            side: The side, or an emitter.
            origin: A namespace, or "@" and the name of a client of that side.
            steps: Names of methods, with their arguments.
        """
        if side in self.emitters:
            return await self.emitters[side](origin, list(steps))
        return await self.sides[side].do("run", origin, list(steps))

    async def events(self, side: str) -> dict[str, list[Event]]:
        """Return what clients have received since the last time.

        Args:
            side: The one that has sent it: what it sends now comes last.

        Returns:
            By the clients' names; clients that have received nothing are left out.
        """
        self._ends += 1
        for namespace in ("/", "/chat"):
            await self.run(side, namespace, ["emit", "end", self._ends])
        found = {}
        for name in sorted(self.clients):
            log = self.clients[name].log
            while (await log.next("end"))[0] != self._ends:
                pass
            new = log.history[self._seen[name] :]
            self._seen[name] = len(log.history)
            events = [(event, *args) for event, args in new if event not in ("connect", "end")]
            if events:
                found[name] = events
        return found

    async def listening(self, count: int, namespace: str = "/", room: str | None = None) -> None:
        """Wait until so many servers listen for a namespace, or for a room where rooms have channels."""
        if room is not None and not self.wiring.has_channels_of_rooms:
            return
        channel = f"socket.io#{namespace}#" if room is None else f"socket.io#{namespace}#{room}#"
        question = ("PUBSUB", "SHARDNUMSUB" if self.wiring.mode == "sharded" else "NUMSUB")
        if self.wiring.mode == "pubsub":
            channel = f"socket.io-request#{namespace}#"
        async with asyncio.timeout(PATIENCE):
            while (await self._client.execute_command(*question, channel))[1] != count:
                pass


async def _emitters(cluster: MixedCluster, servers: Servers, stack: AsyncExitStack) -> None:
    url, wiring = cluster.redis.url, cluster.wiring
    emitter = await stack.enter_async_context(
        Emitter(url, wiring.mode, subscription_mode=wiring.subscription_mode)
    )
    cluster.emitters["emitter"] = lambda namespace, steps: follow(emitter.of(namespace), steps)
    if wiring.mode == "pubsub":
        official = await servers.node("emitter.js", {})
        await official.do("open", url)
        cluster.emitters["redis-emitter"] = lambda namespace, steps: official.do("run", namespace, steps)


@asynccontextmanager
async def mixed_cluster(wiring: Wiring, folder: Path, process: NodeProcess) -> AsyncIterator[MixedCluster]:
    """Run a cluster, with emitters beside it.

    Args:
        wiring: How it is joined.
        folder: For Redis.
        process: The driver of its clients.
    """
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(RedisServer(folder))
        node = Node(process)
        stack.push_async_callback(node.detach)
        hosting = Hosting()
        stack.push_async_callback(hosting.close)
        servers = Servers(hosting)
        stack.callback(servers.stop)
        cluster = MixedCluster(wiring, redis, servers, node)
        stack.push_async_callback(cluster.close)
        await cluster.start()
        await _emitters(cluster, servers, stack)
        yield cluster
