"""What a server offers beside python-socketio's interface."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

from rtserver.server.dynamic import Matcher
from rtserver.server.interface.backend import Backend
from rtserver.server.interface.dynamic import DynamicNamespace
from rtserver.server.interface.namespace import ServerNamespace
from rtserver.server.interface.operator import BroadcastOperator
from rtserver.server.interface.server_side import ServerSide
from rtserver.server.interface.socket import Socket
from rtserver.server.registration import MAIN

__all__ = ["NodeInterface"]

Function = TypeVar("Function", bound=Callable[..., Any])


class NodeInterface(ServerSide):
    """The methods of a server that Node's server has, and python-socketio's has not.

    A chain that begins with the server means the main namespace.
    """

    _backend: Backend

    @overload
    def of(self, name: str) -> ServerNamespace: ...

    @overload
    def of(self, name: Matcher) -> DynamicNamespace: ...

    def of(self, name: str | Matcher) -> ServerNamespace | DynamicNamespace:
        """Return a namespace, for its chains and handlers, or make namespaces that exist when asked for.

        Args:
            name: Its name, with the slash; or a compiled pattern that is searched for in the names that
                clients ask for; or a function, plain or ``async def``, that takes such a name, and the
                client's auth data if it takes two arguments, and tells whether there is such a namespace.

        Raises:
            ValueError: There is no slash.
            TypeError: It is something else.
        """
        if not isinstance(name, str):
            return DynamicNamespace(self._backend, self._backend.hub.dynamic.add(name))
        if not name.startswith("/"):
            raise ValueError(f"received {name!r} as a namespace, expected a name that begins with a slash")
        return ServerNamespace(self._backend, name)

    @overload
    def use(self, function: Function, namespace: str | None = None) -> Function: ...

    @overload
    def use(self, function: None = None, namespace: str | None = None) -> Callable[[Function], Function]: ...

    def use(self, function: Any = None, namespace: str | None = None) -> Any:
        """Register a middleware, to be called with each client's `Socket` before the ``connect`` handler.

        It refuses the client by raising `socketio.exceptions.ConnectionRefusedError`, whose arguments the
        client receives, or any other exception, of which it learns nothing. Middlewares are called in the
        order of their registration, those of the pattern or predicate of a dynamic namespace included.

        Args:
            function: A plain or an ``async def`` function; a decorator is returned if omitted.
            namespace: The namespace, the main one if omitted; ``"*"`` for every namespace.
        """

        def register(function: Function) -> Function:
            hub = self._backend.hub
            hub.handlers.add_middleware(namespace or MAIN, function)
            hub.handlers_changed()
            return function

        return register if function is None else register(function)

    def socket(self, sid: str, namespace: str | None = None) -> Socket:
        """Return a client of this server.

        Args:
            sid: Its session id.
            namespace: The namespace, the main one if omitted.

        Raises:
            KeyError: It isn't connected to that namespace here.
        """
        return Socket(self._backend, self._backend.hub.connected(namespace or MAIN, sid))

    def _operator(self) -> BroadcastOperator:
        return BroadcastOperator(MAIN, backend=self._backend)
