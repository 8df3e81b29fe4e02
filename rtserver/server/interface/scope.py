"""What handlers are registered for, other than by naming a namespace each time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

from rtserver.server.hub import Hub

__all__ = ["HandlerScope"]

Function = TypeVar("Function", bound=Callable[..., Any])


class HandlerScope:
    """The handlers and middlewares of one namespace, or of all the cases of a dynamic one."""

    __slots__ = ()

    def _handlers_of(self) -> tuple[Hub, str]:
        """Return the server, and under which name its handlers are registered."""
        raise NotImplementedError

    @overload
    def on(self, event: str, handler: None = None) -> Callable[[Function], Function]: ...

    @overload
    def on(self, event: str, handler: Callable[..., Any]) -> None: ...

    def on(self, event: str, handler: Callable[..., Any] | None = None) -> Any:
        """Register an event handler here, or return a decorator that does; see `Server.on`."""
        hub, scope = self._handlers_of()

        def register(function: Function) -> Function:
            hub.handlers.add(scope, event, function)
            hub.handlers_changed()
            return function

        if handler is None:
            return register
        register(handler)
        return None

    def event(self, function: Function) -> Function:
        """Register the decorated function for the event of its name."""
        return self.on(function.__name__)(function)

    def use(self, function: Function) -> Function:
        """Register a middleware here; see `Server.use`."""
        hub, scope = self._handlers_of()
        hub.handlers.add_middleware(scope, function)
        hub.handlers_changed()
        return function
