"""Admins show a password, not a token: what asks every client for one doesn't ask them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from rtserver.server.interface.socket import Socket

__all__ = ["Middleware", "exempt"]

Middleware = Callable[[Socket], Awaitable[None]]


def exempt(namespace: str, middleware: Middleware) -> Middleware:
    """Return a middleware for all namespaces but one.

    Args:
        namespace: The one that has an entrance of its own.
        middleware: What is called for the others.
    """

    async def admit(socket: Socket) -> None:
        if socket.namespace != namespace:
            await middleware(socket)

    return admit
