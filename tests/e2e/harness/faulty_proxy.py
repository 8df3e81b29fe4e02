"""A TCP proxy that does to connections what networks do."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any, Final

__all__ = ["FaultyProxy", "Link"]

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class Side(asyncio.Protocol):
    """One of the two connections of a link."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.transport: Any = None
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for data in self._early:
            self.transport.write(data)
        self._early.clear()

    def data_received(self, data: bytes) -> None:
        self._link.carry(self, data)

    def connection_lost(self, error: Exception | None) -> None:
        self._link.lost(self)

    def write(self, data: bytes) -> None:
        if self.transport is None:
            self._early.append(data)
        else:
            self.transport.write(data)

    def reset(self) -> None:
        """Close with a TCP reset; what was on its way is lost."""
        if self.transport is not None and not self.transport.is_closing():
            pipe = self.transport.get_extra_info("socket")
            pipe.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.transport.abort()


class Link:
    """A client's connection to the server, in two parts with the proxy between them."""

    def __init__(self, proxy: FaultyProxy) -> None:
        self._proxy = proxy
        self._is_dead = False
        self._left = proxy.cut_after
        self.client = Side(self)
        self.server = Side(self)

    def carry(self, side: Side, data: bytes) -> None:
        if self._is_dead:
            return
        if side is self.server and self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        self._other(side).write(data)
        if self._left == 0:
            self._die()
            self.client.transport.close()
            self.server.transport.close()

    def lost(self, side: Side) -> None:
        self._proxy.links.pop(self, None)
        if not self._is_dead and self._other(side).transport is not None:
            self._other(side).transport.close()

    def _other(self, side: Side) -> Side:
        return self.server if side is self.client else self.client

    # Faults.

    def reset(self) -> None:
        """Reset both connections."""
        self._die()
        self.client.reset()
        self.server.reset()

    def vanish(self) -> None:
        """Reset the client's connection, of which the server hears nothing."""
        self._die()
        self.client.reset()

    def swallow(self) -> None:
        """Take what either side sends, and pass nothing on: nobody notices but by the silence."""
        self._die()

    def stall(self, seconds: float) -> None:
        """Take and pass on nothing for some time."""
        for side in (self.client, self.server):
            if side.transport is not None and not side.transport.is_closing():
                side.transport.pause_reading()
                asyncio.get_running_loop().call_later(seconds, self._go_on, side)

    def _die(self) -> None:
        self._is_dead = True
        self._proxy.links.pop(self, None)
        self._proxy.dead.append(self)

    def _go_on(self, side: Side) -> None:
        if not self._is_dead and not side.transport.is_closing():
            side.transport.resume_reading()


class FaultyProxy:
    """Passes connections on to a port of 127.0.0.1.

    Attributes:
        url: Where clients connect.
        port: Where their connections go from now on.
        links: The connections that work, in the order in which they were made.
        dead: Those that a fault has ended.
        port: Where new connections are passed on to.
        cut_after: Bytes for the client after which a new connection ends; None for no limit.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self._listening: asyncio.Server | None = None
        self._dialling: set[asyncio.Task[Any]] = set()
        self.url = ""
        self.links: dict[Link, None] = {}
        self.dead: list[Link] = []
        self.cut_after: int | None = None

    async def __aenter__(self) -> FaultyProxy:
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._listening.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *exception: object) -> None:
        assert self._listening is not None
        self._listening.close()
        for link in [*self.links, *self.dead]:
            link.client.reset()
            link.server.reset()

    def _accept(self) -> Side:
        link = Link(self)
        self.links[link] = None
        task = asyncio.get_running_loop().create_task(self._dial(link))
        self._dialling.add(task)
        task.add_done_callback(self._dialling.discard)
        return link.client

    async def _dial(self, link: Link) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: link.server, "127.0.0.1", self.port)
        except OSError:
            link.client.reset()
