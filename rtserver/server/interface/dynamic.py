"""A dynamic namespace as applications see it: what `Server.of` returns for a pattern or a predicate."""

from __future__ import annotations

from typing import Any

from rtserver.server.hub import Hub
from rtserver.server.interface.backend import Backend, event_args
from rtserver.server.interface.scope import HandlerScope
from rtserver.server.membership import done
from rtserver.server.target import Target

__all__ = ["DynamicNamespace"]


class DynamicNamespace(HandlerScope):
    """All namespaces that one pattern or predicate accepts.

    Its handlers receive the namespace's name before their other arguments, like those of the namespace
    ``"*"``.

    Args:
        backend: The server.
        scope: The name under which its handlers are registered.
    """

    __slots__ = ("_backend", "_scope")

    def __init__(self, backend: Backend, scope: str) -> None:
        self._backend = backend
        self._scope = scope

    @property
    def children(self) -> tuple[str, ...]:
        """The names of those namespaces that exist on this server."""
        namespaces = self._backend.hub.namespaces.values()
        return tuple(namespace.name for namespace in namespaces if namespace.parent == self._scope)

    async def emit(self, event: str, *args: Any) -> None:
        """Emit an event to everyone in those namespaces that exist on this server.

        Args:
            event: Its name.
            args: Its arguments, one after another.

        Raises:
            TypeError: An argument can't be serialized.
            ValueError: The name is reserved.
        """
        packet = event_args(event, args)
        for name in self.children:
            await done(self._backend.manager.emit(Target(name), packet))

    def _handlers_of(self) -> tuple[Hub, str]:
        return self._backend.hub, self._scope
