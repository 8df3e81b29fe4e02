"""How many bytes WebSockets carry, where someone wants to know: counted beside them, not in them.

A connection that isn't counted has nothing of this on its way.
"""

from __future__ import annotations

import asyncio
from typing import Any

__all__ = ["Traffic"]


class Traffic:
    """The bytes of one server's WebSockets, frames included."""

    __slots__ = ("received", "sent")

    def __init__(self) -> None:
        self.received = 0
        self.sent = 0

    def tap(self, transport: asyncio.Transport, protocol: asyncio.Protocol) -> asyncio.Transport:
        """Count what a connection carries from now on.

        Args:
            transport: The connection.
            protocol: What receives from it.

        Returns:
            What is to be written to in the transport's place.
        """
        transport.set_protocol(_Incoming(protocol, self))
        return _Outgoing(transport, self)


class _Incoming(asyncio.Protocol):
    """Stands between a transport and its protocol."""

    __slots__ = ("_receive", "_traffic", "connection_lost", "eof_received", "pause_writing", "resume_writing")

    def __init__(self, protocol: asyncio.Protocol, traffic: Traffic) -> None:
        self._receive = protocol.data_received
        self._traffic = traffic
        self.pause_writing = protocol.pause_writing  # type: ignore[method-assign]
        self.resume_writing = protocol.resume_writing  # type: ignore[method-assign]
        self.eof_received = protocol.eof_received  # type: ignore[method-assign]
        self.connection_lost = protocol.connection_lost  # type: ignore[method-assign]

    def data_received(self, data: bytes) -> None:
        self._traffic.received += len(data)
        self._receive(data)


class _Outgoing(asyncio.Transport):
    """Stands between a protocol and its transport."""

    __slots__ = ("_traffic", "_transport", "_write", "get_write_buffer_size", "is_closing")

    def __init__(self, transport: asyncio.Transport, traffic: Traffic) -> None:
        self._transport = transport
        self._traffic = traffic
        self._write = transport.write
        self.get_write_buffer_size = transport.get_write_buffer_size  # type: ignore[method-assign]
        self.is_closing = transport.is_closing  # type: ignore[method-assign]

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._traffic.sent += len(data)
        self._write(data)

    def close(self) -> None:
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)
