"""A dynamic namespace as applications see it: what `Server.of` returns for a pattern or a predicate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rtserver.server.hub import Hub
from rtserver.server.interface.backend import Backend, event_args
from rtserver.server.interface.scope import HandlerScope
from rtserver.server.interface.selection import Selecting, Selection
from rtserver.server.membership import done

__all__ = ["DynamicNamespace", "DynamicOperator"]


class DynamicChain(Selecting["DynamicOperator"]):
    """A chain that means the clients of all namespaces of a pattern or predicate."""

    __slots__ = ()

    async def emit(self, event: str, *args: Any) -> None:
        """Emit an event in those of the namespaces that exist on this server.

        Args:
            event: Its name.
            args: Its arguments, one after another.

        Raises:
            TypeError: An argument can't be serialized.
            ValueError: The name is reserved.
        """
        operator = self._operator()
        packet, target, hub = event_args(event, args), operator.target(), operator.backend.hub
        if target is not None:
            for name in _children(hub, operator.namespace):
                await done(
                    operator.backend.manager.emit(target._replace(namespace=name), packet, operator.flags)
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicOperator(Selection, DynamicChain):
    """A chain that begins with a dynamic namespace.

    Args:
        backend: The server.
    """

    backend: Backend

    def _operator(self) -> DynamicOperator:
        return self


class DynamicNamespace(DynamicChain, HandlerScope):
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
        return _children(self._backend.hub, self._scope)

    def _operator(self) -> DynamicOperator:
        return DynamicOperator(self._scope, backend=self._backend)

    def _handlers_of(self) -> tuple[Hub, str]:
        return self._backend.hub, self._scope


def _children(hub: Hub, scope: str) -> tuple[str, ...]:
    return tuple(namespace.name for namespace in hub.namespaces.values() if namespace.parent == scope)
