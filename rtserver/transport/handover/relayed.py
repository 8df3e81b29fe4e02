"""The transport of a connection whose client is at the other end of a relay."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from rtserver.transport.handover.passage import Origin

__all__ = ["RelayedTransport"]


class RelayedTransport(asyncio.Transport):
    """A transport that tells the client's addresses instead of its own, and whether TLS was used.

    Args:
        inner: The transport.
        origin: How the client reached the server.
    """

    __slots__ = ("_inner", "origin")

    def __init__(self, inner: asyncio.Transport, origin: Origin) -> None:
        self._inner = inner
        self.origin = origin

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what is known of the client's connection."""
        if name == "peername":
            return self.origin.remote
        if name == "sockname":
            return self.origin.local
        if name == "sslcontext":  # who asks wants to know whether there is one
            return self.origin.secure or default
        return self._inner.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:  # noqa: D102
        self._inner.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:  # noqa: D102
        return self._inner.get_protocol()

    def is_closing(self) -> bool:  # noqa: D102
        return self._inner.is_closing()

    def close(self) -> None:  # noqa: D102
        self._inner.close()

    def abort(self) -> None:  # noqa: D102
        self._inner.abort()

    def is_reading(self) -> bool:  # noqa: D102
        return self._inner.is_reading()

    def pause_reading(self) -> None:  # noqa: D102
        self._inner.pause_reading()

    def resume_reading(self) -> None:  # noqa: D102
        self._inner.resume_reading()

    def write(self, data: bytes | bytearray | memoryview) -> None:  # noqa: D102
        self._inner.write(data)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:  # noqa: D102
        self._inner.writelines(list_of_data)

    def can_write_eof(self) -> bool:  # noqa: D102
        return self._inner.can_write_eof()

    def write_eof(self) -> None:  # noqa: D102
        self._inner.write_eof()

    def get_write_buffer_size(self) -> int:  # noqa: D102
        return self._inner.get_write_buffer_size()

    def get_write_buffer_limits(self) -> tuple[int, int]:  # noqa: D102
        return self._inner.get_write_buffer_limits()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:  # noqa: D102
        self._inner.set_write_buffer_limits(high, low)
