"""What admins may do to clients, at whatever server those are connected."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

from rtserver.server.interface.namespace import ServerNamespace
from rtserver.server.interface.operator import EmittingChain

__all__ = ["FEATURES", "Actions"]

logger = logging.getLogger("rtserver.admin")

FEATURES: Final = ("EMIT", "JOIN", "LEAVE", "DISCONNECT", "MJOIN", "MLEAVE", "MDISCONNECT")
"""What the UI is told that it may offer: for one socket, and for many."""
_EMIT_NAMED: Final = 3
"""Arguments that tell where an event is sent and how it is named. Those of the event itself follow."""
_LONGEST: Final = 80
"""Characters of an argument that are logged."""


class _Server(Protocol):
    def of(self, name: str, /) -> ServerNamespace:
        """Return a namespace."""

    def on(self, event: str, handler: Callable[..., Any], namespace: str) -> None:
        """Register a handler."""


class Actions:
    """The handlers of the admin namespace.

    Args:
        server: The server.
        namespace: The name of the admin namespace.
    """

    __slots__ = ("_server",)

    def __init__(self, server: _Server, namespace: str) -> None:
        self._server = server
        for event, action in (
            ("emit", self._emit),
            ("join", self._join),
            ("leave", self._leave),
            ("_disconnect", self._disconnect),
        ):
            server.on(event, self._checked(event, action), namespace)

    def _checked(self, event: str, action: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        """Log what an admin does, and refuse what the UI doesn't send."""

        async def handle(sid: str, *args: Any) -> None:
            logger.info("admin %s: %s %s", sid, event.removeprefix("_"), _summary(event, args))
            try:
                await action(*args)
            except (TypeError, ValueError) as error:
                logger.warning(
                    "admin %s asked for what can't be done: %s: %s", sid, event, _cut(str(error), 200)
                )

        return handle

    async def _emit(self, namespace: str, to: Any, event: str, *args: Any) -> None:
        await self._selected(namespace, to).emit(event, *args)

    async def _join(self, namespace: str, room: str, to: Any = None) -> None:
        await self._selected(namespace, to).sockets_join(room)

    async def _leave(self, namespace: str, room: str, to: Any = None) -> None:
        await self._selected(namespace, to).sockets_leave(room)

    async def _disconnect(self, namespace: str, close: bool, to: Any = None) -> None:
        await self._selected(namespace, to).disconnect_sockets(close is True)

    def _selected(self, namespace: str, to: Any) -> EmittingChain:
        """Return who is meant: all of a namespace, or a room, or several."""
        if not isinstance(namespace, str):
            raise TypeError(f"received {namespace!r} as a namespace, expected a name")
        chosen = self._server.of(namespace)
        return chosen.in_(to) if to else chosen


def _summary(event: str, args: Sequence[Any]) -> str:
    """Say what an admin asks for, without what is sent to clients: that may be long, or secret."""
    named = args[:_EMIT_NAMED]
    text = ", ".join(_cut(repr(each), _LONGEST) for each in named)
    if event != "emit":
        return text
    return f"{text}, arguments: {len(args) - len(named)}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + "…"
