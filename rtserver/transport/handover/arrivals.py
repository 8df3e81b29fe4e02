"""Serve connections that came through the door."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from typing import cast

from rtserver.transport.handover.passage import Passage
from rtserver.transport.handover.relayed import RelayedTransport

__all__ = ["Arrivals"]

logger = logging.getLogger("rtserver.transport")


class Arrivals:
    """Makes transports of sockets, whose first bytes may have been read by another process.

    Args:
        loop: The event loop.
        factory: Makes the protocol of each connection.
        tls: For connections that begin with a handshake of TLS.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        factory: Callable[[], asyncio.BaseProtocol],
        tls: ssl.SSLContext | None,
    ) -> None:
        self._loop = loop
        self._factory = factory
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()
        self.unread = 0
        """Connections of which no other process had read anything."""

    def receive(self, connection: socket.socket, passage: Passage) -> None:
        """Serve a connection."""
        if not passage.data and passage.origin is None:
            self.unread += 1
        task = self._loop.create_task(self._serve(connection, passage))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Forget the connections that aren't made yet."""
        for task in self._tasks:
            task.cancel()

    async def _serve(self, connection: socket.socket, passage: Passage) -> None:
        connection.setblocking(False)
        factory = self._factory
        if passage.data or passage.origin is not None:
            factory = _First(factory, passage).itself
        try:
            if not passage.tls:
                await self._loop.connect_accepted_socket(factory, connection)
            elif self._tls is not None:
                await self._loop.connect_accepted_socket(factory, connection, ssl=self._tls)
            else:
                logger.error("a connection for TLS came in, but there is no certificate: it is closed")
                connection.close()
        except OSError:  # the client has gone, or what it sent is no handshake of TLS
            connection.close()
        except BaseException:
            connection.close()
            raise


class _First(asyncio.Protocol):
    """Gives a connection to its protocol, with the bytes that were read before.

    Args:
        factory: Makes the protocol.
        passage: What came with the connection.
    """

    __slots__ = ("_factory", "_passage")

    def __init__(self, factory: Callable[[], asyncio.BaseProtocol], passage: Passage) -> None:
        self._factory = factory
        self._passage = passage

    def itself(self) -> _First:
        return self

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        data, _, origin = self._passage
        made = cast(asyncio.Transport, transport)
        if origin is not None:
            made = RelayedTransport(made, origin)
        protocol = cast(asyncio.Protocol, self._factory())
        made.set_protocol(protocol)
        protocol.connection_made(made)
        if data:
            protocol.data_received(data)
