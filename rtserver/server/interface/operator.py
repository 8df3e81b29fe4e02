"""Chains that say who is meant and how, then what is to be done.

    await sio.to("room").except_(sid).volatile.emit("move", x, y)

Each step returns a new chain and changes none, so that one can be kept and used as often as needed.

The arguments of an event are written one after another, as in Node; that differs from python-socketio's
``emit(event, data)``, where a tuple stands for several arguments. A tuple in a chain is one argument, which
clients receive as an array: nothing depends on the type of an argument.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from rtserver.server.answers import Answers
from rtserver.server.interface.backend import Backend, event_args, united
from rtserver.server.interface.remote import RemoteSocket, Sockets
from rtserver.server.interface.selection import Selecting, Selection
from rtserver.server.membership import done
from rtserver.server.namespace import Room

__all__ = ["BroadcastOperator", "Chain", "EmittingChain"]


class Chain(Selecting["BroadcastOperator"]):
    """What the chains of a server, of a namespace and of rooms have in common."""

    __slots__ = ()

    @property
    def local(self) -> BroadcastOperator:
        """Reach only clients that are connected to this server."""
        operator = self._operator()
        # A manager without other servers knows more than this one: who has lost the connection, too.
        return replace(operator, is_local=not operator.backend.manager.alone)

    def timeout(self, seconds: float) -> BroadcastOperator:
        """Limit the time that clients have for `emit_with_ack`, and other servers for `fetch_sockets`."""
        return replace(self._operator(), seconds=seconds)

    # What.

    async def emit_with_ack(self, event: str, *args: Any) -> Answers:
        """Emit an event that every client acknowledges. Without a `timeout`, wait until they have, or left.

        Args:
            event: The event's name.
            args: Its arguments.

        Returns:
            The answers, and who didn't answer: being late raises nothing.

        Raises:
            TypeError: An argument can't be serialized.
            ValueError: The name is reserved.
        """
        operator = self._operator()
        packet = event_args(event, args)
        target = operator.target()
        if target is None:
            return Answers()
        backend, flags = operator.backend, operator.flags
        if operator.is_local:
            answers: Awaitable[Answers] = backend.local.ask(target, packet, flags).collect(operator.seconds)
        else:
            answers = backend.manager.ask(target, packet, flags, operator.seconds)
        return await backend.traced(target.namespace, event, answers)

    async def fetch_sockets(self) -> Sockets:
        """Return the clients: a `Socket` for each one here, a `RemoteSocket` for each one elsewhere.

        Other servers have five seconds unless a `timeout` is set; ``silent`` of the list names those
        that didn't answer.
        """
        from rtserver.server.interface.socket import Socket  # noqa: PLC0415 - it offers chains itself

        operator = self._operator()
        target = operator.target()
        if target is None:
            return Sockets()
        backend = operator.backend
        found: Sockets = Sockets(Socket(backend, socket) for socket in backend.local.sockets(target))
        if not operator.is_local:
            manager = backend.manager
            seconds = manager.request_timeout if operator.seconds is None else operator.seconds
            fetched = await manager.fetch(target, seconds)
            found.extend(
                RemoteSocket.from_details(backend, target.namespace, details) for details in fetched.sockets
            )
            found.silent = tuple(fetched.silent)
        return found

    async def sockets_join(self, *rooms: Room | Iterable[Room]) -> None:
        """Put the clients into rooms."""
        operator = self._operator()
        target = operator.target()
        if target is None:
            return
        if operator.is_local:
            operator.backend.local.join(target, united((), rooms))
        else:
            await done(operator.backend.manager.join(target, united((), rooms)))

    async def sockets_leave(self, *rooms: Room | Iterable[Room]) -> None:
        """Take the clients out of rooms."""
        operator = self._operator()
        target = operator.target()
        if target is None:
            return
        if operator.is_local:
            operator.backend.local.leave(target, united((), rooms))
        else:
            await done(operator.backend.manager.leave(target, united((), rooms)))

    async def disconnect_sockets(self, close: bool = False) -> None:
        """Disconnect the clients from the namespace. Their ``disconnect`` handlers here have then ended.

        Args:
            close: Close their connections, with all their namespaces.
        """
        operator = self._operator()
        target = operator.target()
        if target is not None:
            sink = operator.backend.local if operator.is_local else operator.backend.manager
            await done(sink.disconnect(target, close))


class EmittingChain(Chain):
    """A chain whose `emit` is Node's; that of a server is python-socketio's."""

    __slots__ = ()

    async def emit(self, event: str, *args: Any) -> None:
        """Emit an event.

        Args:
            event: Its name.
            args: Its arguments, one after another. A tuple is one argument, an array.

        Raises:
            TypeError: An argument can't be serialized.
            ValueError: The name is reserved.
        """
        operator = self._operator()
        packet = event_args(event, args)
        target = operator.target()
        if target is None:
            return
        manager = operator.backend.manager
        if operator.is_local and not manager.alone:
            operator.backend.local.emit(target, packet, operator.flags)
        else:  # a manager that is alone may keep the event for clients that come back
            await done(manager.emit(target, packet, operator.flags))


@dataclass(frozen=True, slots=True, kw_only=True)
class BroadcastOperator(Selection, EmittingChain):
    """A chain: who is meant, and how an event is delivered.

    Args:
        backend: The server.
        is_local: Only clients of this server.
        seconds: How long to wait for answers; None for no limit.
    """

    backend: Backend
    is_local: bool = False
    seconds: float | None = None

    def _operator(self) -> BroadcastOperator:
        return self
