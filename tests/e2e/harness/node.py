"""The official JavaScript clients, in one Node.js process that `node/driver.js` runs."""

from __future__ import annotations

from enum import Enum
from typing import Any

from .channel import Channel
from .values import pack

__all__ = ["DRIVER", "KINDS", "MSGPACK", "OLD_KIND", "Node", "NodeManager", "NodeSocket", "Transport"]

DRIVER = "driver.js"
"""The program that runs the clients."""

KINDS = ("4", "4.0", "3.1")
"""The versions of socket.io-client: the newest 4.x, 4.0.0 and 3.1.3."""

OLD_KIND = "2"
"""socket.io-client 2.5, for a server with `allow_eio3`. Its `auth` travels as the namespace's query."""

MSGPACK = "socket.io-msgpack-parser"
"""The client's `parser` option for a server with `serializer="msgpack"`."""


class Transport(Enum):
    """The ways to a session."""

    POLLING = "polling"
    WEBSOCKET = "websocket"
    UPGRADE = "upgrade"

    @property
    def names(self) -> list[str]:
        """The client's `transports` option."""
        return ["polling", "websocket"] if self is Transport.UPGRADE else [self.value]

    @property
    def final(self) -> str:
        """The transport in use when the session has settled."""
        return "polling" if self is Transport.POLLING else "websocket"


class Node(Channel):
    """A test's view of the driver: makes clients and reads what they saw."""

    async def manager(self, url: str, kind: str = "4", **options: Any) -> NodeManager:
        """Make a `Manager`: one Engine.IO connection, for any number of namespaces."""
        manager = NodeManager(self, f"manager {next(self._ids)} ({kind})")
        await self.do("manager", name=manager.name, kind=kind, url=url, options=options)
        return manager

    async def connect(
        self,
        url: str,
        kind: str = "4",
        transport: Transport = Transport.WEBSOCKET,
        *,
        namespace: str = "/",
        auth: Any = None,
        **options: Any,
    ) -> NodeSocket:
        """Connect a client, and wait until it is connected over the transport that was asked for."""
        options = {"reconnection": False} | options
        manager = await self.manager(url, kind, transports=transport.names, **options)
        socket = await manager.socket(namespace, auth)
        await socket.connected()
        if transport is Transport.UPGRADE:
            await manager.log.next("upgrade")
        return socket

    async def detach(self) -> None:
        """Disconnect every client and leave the driver to the next test."""
        try:
            await self.do("reset", patience=5)
        finally:
            self.close()


class NodeManager:
    """One `Manager` in the driver."""

    def __init__(self, node: Node, name: str) -> None:
        self.node = node
        self.name = name
        self.log = node.log(name)

    async def socket(self, namespace: str = "/", auth: Any = None, **options: Any) -> NodeSocket:
        """Make a `Socket` with these options and let it connect; `connected` waits until it is."""
        socket = NodeSocket(self, namespace)
        await self.node.do(
            "socket",
            name=socket.name,
            manager=self.name,
            namespace=namespace,
            auth=pack(auth or {}),
            options=options,
        )
        return socket

    async def close_engine(self) -> None:
        """Close the Engine.IO connection below every namespace."""
        await self.node.do("closeEngine", name=self.name)


class NodeSocket:
    """One `Socket`, of one namespace, in the driver."""

    def __init__(self, manager: NodeManager, namespace: str) -> None:
        self.manager = manager
        self.namespace = namespace
        self.node = manager.node
        self.name = f"{namespace} of {manager.name}"
        self.log = self.node.log(self.name)
        self.sid = ""

    async def next(self, event: str, patience: float = 10) -> list[Any]:
        """Wait for the next event of this name and return its arguments."""
        return await self.log.next(event, patience)

    async def connected(self) -> str:
        """Wait for the connection; returns the client id, which `sid` keeps."""
        (self.sid,) = await self.next("connect")
        return self.sid

    async def connect(self) -> None:
        """Connect again after a disconnect."""
        await self.node.do("connect", name=self.name)

    async def emit(self, event: str, *args: Any) -> None:
        """Emit an event."""
        await self.node.do("emit", name=self.name, event=event, args=pack(args))

    async def call(self, event: str, *args: Any, patience: float = 10) -> list[Any]:
        """Emit an event with an acknowledgement and return the acknowledgement's arguments."""
        try:
            answer: list[Any] = await self.node.do(
                "call", patience, name=self.name, event=event, args=pack(args)
            )
        except TimeoutError:
            seen = [name for name, _ in self.log.history[-10:] + self.manager.log.history[-10:]]
            raise AssertionError(
                f"{self.name}: no answer to {event!r}; the last events were {seen}"
            ) from None
        return answer

    async def emit_with_ack(self, event: str, *args: Any, timeout_ms: int) -> Any:
        """`socket.timeout(ms).emitWithAck(...)`; a time-out is a RuntimeError with the client's message."""
        return await self.node.do(
            "emitWithAck", name=self.name, event=event, args=pack(args), timeout=timeout_ms
        )

    async def answer(self, event: str, *args: Any) -> None:
        """Acknowledge an event with these arguments from now on, rather than with its own."""
        await self.node.do("answer", name=self.name, event=event, args=pack(args))

    async def never_answer(self, event: str) -> None:
        """Leave an event without acknowledgement from now on."""
        await self.node.do("answer", name=self.name, event=event, args=None)

    async def collect(self, event: str, count: int) -> None:
        """Keep the first argument of an event in the driver; `collected` waits for that many."""
        await self.node.do("collect", name=self.name, event=event, count=count)

    async def collected(self, patience: float = 30) -> list[Any]:
        """Wait until all that `collect` asked for has come, and return it in order of arrival."""
        values: list[Any] = await self.node.do("collected", patience, name=self.name)
        return values

    async def collected_so_far(self) -> list[Any]:
        """Return what has come to `collect` until now."""
        values: list[Any] = await self.node.do("collectedSoFar", name=self.name)
        return values

    async def stream(self, event: str, count: int, batch: int = 20) -> None:
        """Emit the numbers from 0 up, a few in each turn of the client's loop."""
        await self.node.do("stream", 30, name=self.name, event=event, count=count, batch=batch)

    async def disconnect(self) -> None:
        """Disconnect from this namespace."""
        await self.node.do("disconnect", name=self.name)

    async def state(self) -> dict[str, Any]:
        """Return the id, whether connected, whether with the state of before, and the transport in use."""
        state: dict[str, Any] = await self.node.do("state", name=self.name)
        return state
