"""Put what is declared of namespaces into effect."""

from __future__ import annotations

from collections.abc import Iterable

from rtserver.host import Server
from rtserver.service.auth.guard import Guard
from rtserver.service.namespaces.declaration import Declaration
from rtserver.service.namespaces.namespace import DeclaredNamespace
from rtserver.service.namespaces.target import EventBackend

__all__ = ["declare"]


def declare(
    server: Server, declarations: Iterable[Declaration], guard: Guard | None, backend: EventBackend | None
) -> None:
    """Let a server have declared namespaces.

    Args:
        server: The server.
        declarations: What is declared.
        guard: What lets clients in by their tokens; None for nothing. It is asked first.
        backend: What declarations mean that speak of a backend; None if none does.
    """
    for declaration in declarations:
        namespace = DeclaredNamespace(server, declaration, backend)
        namespace.install()
        if guard is not None:
            guard.on_renewed.append(namespace.renew)
