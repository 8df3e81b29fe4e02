"""A declared namespace, as a server has it: who comes, who goes, and what becomes of events.

What clients are told is in three files: here of events that nobody takes, in `rooms.py` of `BUILT_IN` ones,
in `relay.py` of those that are declared.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from socketio.exceptions import ConnectionRefusedError as Refusal

from rtserver.errors import EventRefused
from rtserver.host import Server
from rtserver.server.interface.socket import Socket
from rtserver.service.namespaces.answers import refusal, shown
from rtserver.service.namespaces.declaration import EVERY, Declaration
from rtserver.service.namespaces.member import Member
from rtserver.service.namespaces.relay import Relay
from rtserver.service.namespaces.rooms import Rooms
from rtserver.service.namespaces.target import EventBackend

__all__ = ["DeclaredNamespace"]

logger = logging.getLogger("rtserver.namespaces")

Handler = Callable[..., Awaitable[Any]]
"""Takes a member and an event's arguments, and returns the acknowledgment."""


class DeclaredNamespace:
    """A namespace of a server.

    Args:
        server: The server.
        declaration: What is declared of the namespace.
        backend: What answers the events that are declared so; None if there are none.
    """

    def __init__(self, server: Server, declaration: Declaration, backend: EventBackend | None) -> None:
        self._server = server
        self._declaration = declaration
        self._backend = backend
        self._members: dict[str, Member] = {}

    def install(self) -> None:
        """Register what handles the namespace. What an application registers later comes before it."""
        server, declaration = self._server, self._declaration
        server.use(self.admit, namespace=declaration.name)
        rooms = Rooms(server, declaration)
        handlers: dict[str, Handler] = {
            "join": rooms.join,
            "leave": rooms.leave,
            "history": rooms.history,
            "presence": rooms.presence,
        }
        for event in declaration.events.values():
            if event.name != EVERY:
                handlers[event.name] = (
                    partial(self._ask, event.name)
                    if event.backend
                    else Relay(server.manager, declaration.name, event).take
                )
        for name, handler in handlers.items():
            server.on(name, partial(self._handle, handler), declaration.name)
        others = self._refuse if EVERY not in declaration.events else self._ask_about_other
        server.on(EVERY, others, declaration.name)

    # Clients.

    async def admit(self, socket: Socket) -> None:
        """Let a client in, and put it into its rooms: a middleware.

        Raises:
            socketio.exceptions.ConnectionRefusedError: It isn't let in.
        """
        declaration = self._declaration
        if declaration.max_clients is not None and len(self._members) >= declaration.max_clients:
            message = f"{declaration.name} has {len(self._members)} clients, the most that it takes"
            raise Refusal(message, {"code": "too_many_clients"})
        member = self._members[socket.id] = Member(declaration, socket, self._server.eio.clock.now())
        socket.on("disconnect", partial(self._gone, member))
        backend = self._backend if declaration.backend else None
        if backend is not None:
            member.admitted = await backend.connect(socket)
        await member.settle()
        if backend is not None and member.admitted is not None:
            await backend.emit(socket, member.admitted.emits)

    async def renew(self, socket: Socket) -> None:
        """Learn that a client has new claims."""
        member = self._members.get(socket.id) if socket.namespace == self._declaration.name else None
        if member is not None:
            try:
                await member.settle()
            except Refusal as refused:
                logger.info("client %s, namespace %s: %s", socket.id, socket.namespace, refused)
                await socket.disconnect()

    def _gone(self, member: Member, reason: str) -> None:
        if self._members.get(member.socket.id) is member:  # it may be back already, under the same id
            del self._members[member.socket.id]

    # Events.

    async def _handle(self, handler: Handler, sid: str, *args: Any) -> Any:
        """Handle an event of a client."""
        member = self._members[sid]
        try:
            if member.allowance is not None and (
                wait := member.allowance.spend(self._server.eio.clock.now())
            ):
                raise refusal("rate_limited", "rate limit exceeded", retry_after=wait)
            return await handler(member, *args)
        except EventRefused as refused:
            self._server.counters.refused_events += 1
            return refused.args

    async def _ask(self, event: str, member: Member, *args: Any) -> Any:
        """Let the backend answer an event."""
        assert self._backend is not None
        return await self._backend.event(member.socket, event, args)

    async def _ask_about_other(self, event: str, sid: str, *args: Any) -> Any:
        return await self._handle(partial(self._ask, event), sid, *args)

    async def _refuse(self, event: str, sid: str, *args: Any) -> Any:
        return await self._handle(partial(_unknown, event), sid)


async def _unknown(event: str, member: Member) -> Any:
    raise refusal("unknown_event", f"{member.socket.namespace} takes no event named {shown(event)}")
