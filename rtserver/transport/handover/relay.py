"""A connection that can't leave this process, though another one serves it: its bytes go both ways.

So it is with TLS, whose state is here, and when more was read already than goes through a door. The other
process gets one end of a pair of Unix sockets; for it, that is the connection.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

__all__ = ["Relay"]

PATIENCE = 10.0
"""Seconds that the client has to read what the other process sent last."""
STALL = 75.0
"""Seconds that a client may keep more waiting than is kept for it. Nothing is read from the other process
meanwhile, not even that it has closed the connection."""


class Relay:
    """Carries the bytes of one connection.

    Args:
        loop: The event loop.
        client: The client's connection.
        writing_paused: True when that has called `pause_writing` last.
        ended: Called when both connections have gone.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        client: asyncio.Transport,
        writing_paused: bool,
        ended: Callable[[Relay], None],
    ) -> None:
        self._loop = loop
        self._ended = ended
        self._client = _Side(self, client)
        self._client.write_paused = writing_paused
        self._process = _Side(self, None)
        self._client.other = self._process
        self._process.other = self._client
        self._open = 1
        self._data = b""
        self._task: asyncio.Task[None] | None = None
        self._stall: asyncio.TimerHandle | None = None

    def begin(self, end: socket.socket, data: bytes) -> None:
        """Start: nobody else reads from the client any more.

        Args:
            end: The socket at whose other end the process is.
            data: What was read from the client already.
        """
        client = self._client.transport
        assert client is not None
        client.pause_reading()
        client.set_protocol(self._client)
        end.setblocking(False)
        self._data = data
        self._task = self._loop.create_task(self._connect(end))

    async def _connect(self, end: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: self._process, end)
        except BaseException:
            end.close()
            if self._client.transport is not None:
                self._client.transport.abort()
            raise

    def joined(self) -> None:
        """The process's end has its transport: begin to carry."""
        self._open += 1
        client, process = self._client, self._process
        assert process.transport is not None
        if client.transport is None or client.transport.is_closing():
            process.transport.close()
            return
        if client.write_paused:
            self.paused(client)
        process.transport.write(self._data)
        self._data = b""
        if not process.write_paused:
            client.transport.resume_reading()

    def paused(self, side: _Side) -> None:
        """One side reads too slowly: read nothing more from the other."""
        source = side.other.transport
        if source is not None:
            source.pause_reading()
        if side is self._client and side.transport is not None:
            self._stall = self._loop.call_later(STALL, side.transport.abort)

    def resumed(self, side: _Side) -> None:
        """It has caught up."""
        if side is self._client:
            self._cancel_stall()
        source = side.other.transport
        if source is not None and not source.is_closing():
            source.resume_reading()

    def _cancel_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def left(self, side: _Side) -> None:
        """One of the two connections has gone: end the other, once it has what was sent."""
        self._open -= 1
        if side is self._client:
            self._cancel_stall()
        if not self._open:
            self._ended(self)
        other = side.other.transport
        if other is not None:
            other.close()
            if other.get_write_buffer_size():
                self._loop.call_later(PATIENCE, other.abort)

    def close(self) -> None:
        """End both connections."""
        for side in (self._client, self._process):
            if side.transport is not None:
                side.transport.close()


class _Side(asyncio.Protocol):
    """One of the two connections.

    Args:
        relay: What joins it to the other.
        transport: Its transport.
    """

    __slots__ = ("_relay", "other", "transport", "write_paused")

    def __init__(self, relay: Relay, transport: asyncio.Transport | None) -> None:
        self._relay = relay
        self.transport = transport
        self.other: _Side
        self.write_paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._relay.joined()

    def data_received(self, data: bytes) -> None:
        to = self.other.transport
        if to is not None:
            to.write(data)

    def pause_writing(self) -> None:
        self.write_paused = True
        self._relay.paused(self)

    def resume_writing(self) -> None:
        self.write_paused = False
        self._relay.resumed(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.transport = None
        self._relay.left(self)
