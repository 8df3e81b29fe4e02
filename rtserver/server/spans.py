"""What a server tells of where its time goes, where somebody wants to know: see `rtserver.tracing`."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from rtserver.server.handlers import Found
    from rtserver.server.socket import Socket

__all__ = ["Spans"]

Answer = TypeVar("Answer")


class Spans(Protocol):
    """Puts something around what applications do.

    A handler is put into it when it is looked up, not each time that it is called.
    """

    def lifecycle(self, socket: Socket, coroutine: Coroutine[Any, Any, None]) -> Coroutine[Any, Any, None]:
        """Return what is to be run in the place of what lets a socket in or out."""

    def handler(self, found: Found, namespace: str, event: str, is_known: bool) -> Found:
        """Return what is to be called in the place of the handler of an event.

        Args:
            found: The handler: a callable that takes the sid and the event's arguments.
            namespace: The namespace.
            event: The event.
            is_known: Whether the application has named the event. Other names come from clients.
        """

    def ask(self, namespace: str, event: str, answer: Awaitable[Answer]) -> Awaitable[Answer]:
        """Return what is to be awaited in the place of the acknowledgments of an event."""
