"""A backend for namespaces by name: it decides who is let in, and answers what the application doesn't."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rtserver.server.delivery.history import matches
from rtserver.server.interface.socket import Socket
from rtserver.server.server import SocketIOServer
from rtserver.service.webhooks.backend import Backend

__all__ = ["Attachment"]

logger = logging.getLogger("rtserver.webhooks")


@dataclass(frozen=True, slots=True)
class Attachment:
    """Which part of an application's namespaces a backend has.

    Args:
        backend: The backend.
        namespaces: The names of the namespaces.
        connect: Whether it decides who is let in.
        events: Patterns of the events that it answers.
        disconnect: Whether it is told who has gone.
    """

    backend: Backend
    namespaces: Sequence[str]
    connect: bool
    events: Sequence[str]
    disconnect: bool

    def decide(self, server: SocketIOServer) -> None:
        """Let the backend decide who is let in. Called before the application's own middleware is there."""
        for name in self.namespaces:
            if self.connect:
                server.use(self.backend.admit, namespace=name)
            elif self.disconnect:
                server.use(self._watch, namespace=name)

    def answer(self, server: SocketIOServer) -> None:
        """Let the backend answer events. Called when the application's own handlers are there."""
        for name in self.namespaces if self.events else ():
            if server.handles("*", name):
                logger.warning(
                    "webhooks: the application handles every event of namespace %s, by a class or a handler"
                    ' of "*"; the backend receives none of them',
                    name,
                )
            else:
                server.on("*", _Answer(self, server, name).__call__, namespace=name)

    def _watch(self, socket: Socket) -> None:
        socket.on("disconnect", lambda reason: self.backend.disconnect(socket, reason))


class _Answer:
    """The handler of all events of a namespace that have none of their own.

    Args:
        attachment: Which of them the backend has.
        server: The server.
        namespace: The namespace.
    """

    __slots__ = ("_attachment", "_namespace", "_server")

    def __init__(self, attachment: Attachment, server: SocketIOServer, namespace: str) -> None:
        self._attachment = attachment
        self._server = server
        self._namespace = namespace

    async def __call__(self, event: str, sid: str, *args: Any) -> tuple[Any, ...]:
        """Return the arguments of the acknowledgment."""
        if not matches(self._attachment.events, event):
            return ({"code": "unknown_event", "message": "Nobody here answers this event"},)
        return await self._attachment.backend.event(self._server.socket(sid, self._namespace), event, args)
