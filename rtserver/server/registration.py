"""How an application names its handlers: the decorators and the class namespaces of python-socketio."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

import socketio

from rtserver.server.hub import Hub

__all__ = ["MAIN", "Registration"]

Function = TypeVar("Function", bound=Callable[..., Any])

MAIN = "/"
"""The namespace that is meant where none is given."""


class Registration:
    """The methods of a server that register handlers."""

    _hub: Hub

    @overload
    def on(
        self, event: str, handler: None = None, namespace: str | None = None
    ) -> Callable[[Function], Function]: ...

    @overload
    def on(self, event: str, handler: Callable[..., Any], namespace: str | None = None) -> None: ...

    def on(self, event: str, handler: Callable[..., Any] | None = None, namespace: str | None = None) -> Any:
        """Register an event handler, or return a decorator that does.

        Args:
            event: The event's name. ``"connect"`` and ``"disconnect"`` are called when clients come and
                go; ``"*"`` for every event that has no handler of its own.
            handler: An ``async def`` or a plain function. It is called with the client's sid, then

                - for ``connect``, the environ, and the auth data if it takes a third argument; a client is
                  refused by returning False or raising `socketio.exceptions.ConnectionRefusedError`;
                - for ``disconnect``, the reason, if it takes a second argument;
                - for any other event, the event's arguments. What it returns acknowledges the event.

                A ``"*"`` handler is called with the event's name before the sid, and a handler of the
                namespace ``"*"`` with the namespace before the sid.
            namespace: The namespace, the main one if omitted; ``"*"`` for every namespace.
        """
        name = namespace or MAIN

        def register(function: Function) -> Function:
            self._hub.handlers.add(name, event, function)
            self._hub.handlers_changed()
            return function

        if handler is None:
            return register
        register(handler)
        return None

    @overload
    def event(self, function: Function, /) -> Function: ...

    @overload
    def event(self, *, namespace: str | None = None) -> Callable[[Function], Function]: ...

    def event(self, *args: Any, **kwargs: Any) -> Any:
        """Register the decorated function for the event of its name.

        Used as ``@sio.event``, or with the parameters of `on` after its first two:
        ``@sio.event(namespace="/chat")``.
        """
        if len(args) == 1 and not kwargs and callable(args[0]):
            return self.on(args[0].__name__)(args[0])

        def register(function: Function) -> Function:
            decorated: Function = self.on(function.__name__, *args, **kwargs)(function)
            return decorated

        return register

    def register_namespace(self, namespace_handler: socketio.AsyncNamespace) -> None:
        """Register a class namespace.

        Args:
            namespace_handler: An instance of a subclass of `socketio.AsyncNamespace`.

        Raises:
            ValueError: It is something else.
        """
        if not isinstance(namespace_handler, socketio.AsyncNamespace):
            raise ValueError(
                f"received {namespace_handler!r}, expected an instance of a socketio.AsyncNamespace subclass"
            )
        namespace_handler._set_server(self)
        self._hub.handlers.add_class(namespace_handler)
        self._hub.handlers_changed()
