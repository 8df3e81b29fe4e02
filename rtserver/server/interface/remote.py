"""Sockets of other servers, and the list in which sockets are fetched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from socketio.exceptions import TimeoutError as NoAnswer

from rtserver.server.answers import SocketDetails
from rtserver.server.handshake import SocketHandshake
from rtserver.server.interface.backend import Backend, event_args, united
from rtserver.server.interface.delivery import Delivering, Delivery
from rtserver.server.membership import done
from rtserver.server.namespace import Room
from rtserver.server.target import Target

if TYPE_CHECKING:
    from rtserver.server.interface.socket import Socket

__all__ = ["RemoteSocket", "Sockets"]


class Sockets(list["Socket | RemoteSocket"]):
    """Sockets as they were when they were fetched.

    Attributes:
        silent: The servers of the cluster that didn't answer in time, by their ids: their sockets are
            missing.
    """

    __slots__ = ("silent",)

    def __init__(self, sockets: Iterable[Socket | RemoteSocket] = ()) -> None:
        super().__init__(sockets)
        self.silent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RemoteSocket(Delivery, Delivering["RemoteSocket"]):
    """One client's connection to one namespace of another server, as it was when it was fetched.

    It is a chain, too: ``await socket.volatile.emit("moved", x, y)``.

    Args:
        backend: This server.
        namespace: The namespace's name.
        id: The session id.
        handshake: How the client came in.
        rooms: The rooms that it was in.
        data: A copy of the application's data.
        seconds: How long to wait for an acknowledgment; None for no limit.
    """

    backend: Backend
    namespace: str
    id: str
    handshake: SocketHandshake
    rooms: set[Any]
    data: dict[str, Any]
    seconds: float | None = None

    @classmethod
    def from_details(cls, backend: Backend, namespace: str, details: SocketDetails) -> RemoteSocket:
        """Make one from what its server tells."""
        handshake = SocketHandshake.from_peer(details.handshake)
        return cls(backend, namespace, details.sid, handshake, set(details.rooms), dict(details.data))

    @property
    def sid(self) -> str:
        """The session id, by python-socketio's name."""
        return self.id

    def __eq__(self, other: object) -> bool:
        """Return True for the same client, whatever has changed of it."""
        return isinstance(other, RemoteSocket) and (other.namespace, other.id) == (self.namespace, self.id)

    def __hash__(self) -> int:
        """Return the hash of who it is."""
        return hash((self.namespace, self.id))

    def timeout(self, seconds: float) -> RemoteSocket:
        """Return the same socket with a limit of the time that `emit_with_ack` waits."""
        return replace(self, seconds=seconds)

    async def emit(self, event: str, *args: Any) -> None:
        """Emit an event to the client; see `Socket.emit`."""
        await done(self.backend.manager.emit(self._target(), event_args(event, args), self.flags))

    async def emit_with_ack(self, event: str, *args: Any) -> Any:
        """Emit an event and return the client's acknowledgment; see `Socket.emit_with_ack`.

        Raises:
            socketio.exceptions.TimeoutError: The client didn't answer in time, or is gone.
        """
        packet = event_args(event, args)
        asked = self.backend.manager.ask(self._target(), packet, self.flags, self.seconds)
        answers = await self.backend.traced(self.namespace, event, asked)
        if not answers:
            raise NoAnswer(f"client {self.id} didn't answer, or isn't connected any more")
        return answers[0]

    async def join(self, *rooms: Room | Iterable[Room]) -> None:
        """Put the client into rooms."""
        await done(self.backend.manager.join(self._target(), united((), rooms)))

    async def leave(self, *rooms: Room | Iterable[Room]) -> None:
        """Take the client out of rooms."""
        await done(self.backend.manager.leave(self._target(), united((), rooms)))

    async def disconnect(self, close: bool = False) -> None:
        """Disconnect the client from the namespace.

        Args:
            close: Close its connection, with all its namespaces.
        """
        await done(self.backend.manager.disconnect(self._target(), close))

    def _operator(self) -> RemoteSocket:
        return self

    def _target(self) -> Target:
        return Target(self.namespace, (self.id,))
