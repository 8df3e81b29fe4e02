"""What a declared namespace asks of a backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from rtserver.server.interface.socket import Socket

__all__ = ["Admitted", "EventBackend"]


class Admitted(Protocol):
    """What a backend says of a client that it lets in."""

    @property
    def claims(self) -> Mapping[str, Any]:
        """What is known of the client, besides what its token says."""

    @property
    def rooms(self) -> Sequence[str]:
        """Rooms that it enters."""

    @property
    def emits(self) -> Sequence[Any]:
        """Events that are sent then, as `EventBackend.emit` takes them."""


class EventBackend(Protocol):
    """Decides about clients, and answers their events: `rtserver.service.webhooks.backend.Backend`."""

    async def connect(self, socket: Socket) -> Admitted:
        """Ask whether a client is let in.

        Raises:
            socketio.exceptions.ConnectionRefusedError: It isn't.
        """

    async def event(self, socket: Socket, event: str, args: Sequence[Any]) -> tuple[Any, ...]:
        """Return the arguments of the acknowledgment of an event."""

    async def emit(self, socket: Socket, emits: Sequence[Any]) -> None:
        """Send what the backend wants sent."""
