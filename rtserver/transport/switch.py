"""The step from HTTP to a WebSocket, whoever parsed the request."""

from __future__ import annotations

from asyncio import Transport
from collections.abc import Iterable
from typing import NamedTuple

from rtserver.transport.engine_websocket import EngineWebSocket

__all__ = ["Switch"]


class Switch(NamedTuple):
    """A request that turns its connection into a WebSocket."""

    websocket: EngineWebSocket
    head: bytes
    """The response, which must be the next thing on the connection."""

    def complete(self, transport: Transport, tail: bytes, writing_paused: bool) -> None:
        """Begin, on a connection whose protocol is `websocket` now.

        Args:
            transport: The connection.
            tail: What the client sent right behind its request.
            writing_paused: True when `resume_writing` is to come.
        """
        websocket = self.websocket
        pending = websocket.pending
        websocket.pending = None
        frames = pending if isinstance(pending, list) else []
        transport.write(b"".join([self.head, *frames]))
        traffic = websocket.host.traffic
        if traffic is not None:
            transport = traffic.tap(transport, websocket)
        websocket.begin(transport, writing_paused)
        if tail:
            websocket.data_received(tail)

    def with_headers(self, headers: Iterable[tuple[str, str]]) -> Switch:
        """Return the same with further headers in its response."""
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
        return self._replace(head=self.head[:-2] + lines.encode("latin-1") + b"\r\n")

    def fail(self) -> None:
        """Give up: the client has gone."""
        self.websocket.connection_lost(None)
