"""Chains that begin with one client: to it, or to others on its behalf."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from rtserver.server.answers import unpack
from rtserver.server.interface.backend import Backend, event_args
from rtserver.server.interface.delivery import Delivering, Delivery
from rtserver.server.interface.operator import BroadcastOperator
from rtserver.server.membership import done
from rtserver.server.namespace import Room
from rtserver.server.socket import Socket
from rtserver.server.target import Target

__all__ = ["SocketChain", "SocketOperator"]


class SocketChain(Delivering["SocketOperator"]):
    """What a socket and the chains that begin with it have in common.

    Without a step that names others, a chain means the client itself.
    """

    __slots__ = ()

    # Others than this client.

    @property
    def broadcast(self) -> BroadcastOperator:
        """Reach everyone else in the namespace."""
        return self._operator().others()

    @property
    def local(self) -> BroadcastOperator:
        """Reach everyone else who is connected to this server."""
        return self.broadcast.local

    def to(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        """Reach everyone else in these rooms.

        Args:
            rooms: Rooms, sids, or lists of them. An empty list is nobody, not everybody.
        """
        return self.broadcast.to(*rooms)

    def in_(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        """Do what `to` does."""
        return self.broadcast.to(*rooms)

    def except_(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        """Reach everyone else, but for the clients in these rooms.

        Args:
            rooms: Rooms, sids, or lists of them.
        """
        return self.broadcast.except_(*rooms)

    def timeout(self, seconds: float) -> SocketOperator:
        """Limit the time that the client has for `emit_with_ack`."""
        return replace(self._operator(), seconds=seconds)

    # What.

    async def emit(self, event: str, *args: Any) -> None:
        """Emit an event to the client. Nothing is sent to one that has left.

        Args:
            event: Its name.
            args: Its arguments, one after another. A tuple is one argument, an array.

        Raises:
            TypeError: An argument can't be serialized.
            ValueError: The name is reserved.
        """
        operator = self._operator()
        backend, socket, packet = operator.backend, operator.socket, event_args(event, args)
        if socket.recovery is None:
            backend.local.emit_to(socket, packet, operator.flags)
        else:  # the manager keeps what the client may come to miss
            await done(
                backend.manager.emit(Target(socket.namespace.name, (socket.sid,)), packet, operator.flags)
            )

    async def emit_with_ack(self, event: str, *args: Any) -> Any:
        """Emit an event to the client, and wait for its acknowledgment.

        Without a `timeout`, wait for as long as the client is connected.

        Args:
            event: Its name.
            args: Its arguments, one after another.

        Returns:
            None, the one argument, or a tuple of the arguments that the client answered with.

        Raises:
            socketio.exceptions.TimeoutError: The client didn't answer in time, left, or isn't connected.
            TypeError: An argument can't be serialized.
            ValueError: The name is reserved.
        """
        operator = self._operator()
        packet = event_args(event, args)
        backend = operator.backend
        answer = backend.local.call(operator.socket, packet, operator.flags, operator.seconds)
        return unpack(await backend.traced(operator.socket.namespace.name, event, answer))


@dataclass(frozen=True, slots=True)
class SocketOperator(Delivery, SocketChain):
    """A chain that begins with one client.

    Args:
        backend: The server.
        socket: The client.
        seconds: How long to wait for an acknowledgment; None for no limit.
    """

    backend: Backend
    socket: Socket
    seconds: float | None = None

    def _operator(self) -> SocketOperator:
        return self

    def others(self) -> BroadcastOperator:
        """Return the chain that means everyone else."""
        return BroadcastOperator(
            self.socket.namespace.name,
            backend=self.backend,
            except_rooms=(self.socket.sid,),
            flags=self.flags,
            seconds=self.seconds,
        )
