"""The application's handlers: registered once, inspected once, found by one dict lookup per event.

Which handler an event goes to, in this order, as in python-socketio:

1. a handler of the namespace for the event;
2. a ``"*"`` handler of the namespace, which also receives the event's name;
3. a handler of the namespace ``"*"`` for the event, which also receives the namespace;
4. a ``"*"`` handler of the namespace ``"*"``, which receives both;
5. a class namespace of that name, and its method ``on_<event>``;
6. a class namespace ``"*"``, whose methods also receive the namespace.

A handler of a dynamic namespace's pattern or predicate comes behind those of the namespace's own name, and
receives the namespace like one of ``"*"``.

``connect`` and ``disconnect`` never go to a ``"*"`` event handler. An event that a client names ``"*"`` goes
there like any other, with its name first. In python-socketio the handler gets the client's arguments where it
expects name and sid then, so that one client could speak for another.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

import socketio

__all__ = ["EVERY", "RESERVED", "Found", "HandlerRegistry", "Lifecycle"]

EVERY: Final = "*"
RESERVED: Final = ("connect", "disconnect")

_ARGUMENTS: Final = {"connect": 3, "disconnect": 2}
"""Arguments of the two reserved handlers: sid, environ, auth; sid, reason. The last one is optional."""

Found = tuple[Callable[..., Any], bool]
"""A callable that takes the sid and the event's arguments, and whether it is a coroutine function."""


class Lifecycle(NamedTuple):
    """A ``connect`` or ``disconnect`` handler."""

    function: Callable[..., Any]
    is_async: bool
    takes_last: bool
    """Whether it takes the optional last argument: auth, or the reason."""


def is_coroutine_function(function: Callable[..., Any]) -> bool:
    """Tell whether calling it returns a coroutine: functions, partials, mocks, callable objects."""
    return asyncio.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - its `async def` is what matters
    )


def positional_limit(function: Callable[..., Any]) -> int:
    """Return how many positional arguments it takes at most.

    The wrapper that a decorator has made counts by what it takes itself, and one that passes on whatever it
    is given by what it wraps.
    """
    given = inspect.ismethod(function)  # what a method wraps is given its object, too
    limit = _own_limit(function)
    while limit == sys.maxsize and hasattr(function, "__wrapped__"):
        function = function.__wrapped__
        limit = _own_limit(function)
        if limit != sys.maxsize:
            limit -= given
    return limit


def _own_limit(function: Callable[..., Any]) -> int:
    try:
        parameters = inspect.signature(function, follow_wrapped=False).parameters.values()
    except (TypeError, ValueError):  # some builtins have no signature
        return sys.maxsize
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return sys.maxsize
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(parameter.kind in positional for parameter in parameters)


def _nothing(*_: Any) -> None:
    """Stand for the ``on_<event>`` method that a class namespace doesn't have: the event is answered."""


class _Function(NamedTuple):
    """A function handler, as inspected when it was registered."""

    function: Callable[..., Any]
    is_async: bool
    limit: int


class _ClassNamespace:
    """An instance of `socketio.AsyncNamespace`, and how its events are dispatched.

    A subclass that overrides `trigger_event` is called through it. Otherwise that method's work, to find
    ``on_<event>`` and to call it, is done here, once for each event.
    """

    __slots__ = ("_instance", "_overridden", "_trigger")

    def __init__(self, instance: socketio.AsyncNamespace) -> None:
        self._instance = instance
        self._overridden = type(
            instance
        ).trigger_event is not socketio.AsyncNamespace.trigger_event or "trigger_event" in vars(instance)
        self._trigger = is_coroutine_function(instance.trigger_event)

    def find(self, event: str) -> tuple[Callable[..., Any], bool, bool]:
        """Return the callable, whether it is a coroutine function, and whether that will hold.

        What comes from the class holds. What the instance computes or may replace is asked again.
        """
        if self._overridden:
            return partial(self._instance.trigger_event, event), self._trigger, False
        name = f"on_{event}"
        method = getattr(self._instance, name, None)
        if method is None:
            return _nothing, False, False
        holds = inspect.getattr_static(type(self._instance), name, None) is not None
        return method, is_coroutine_function(method), holds and name not in vars(self._instance)

    def find_lifecycle(self, event: str, prefix: tuple[str, ...]) -> Lifecycle | None:
        method = getattr(self._instance, f"on_{event}", None)
        wanted = len(prefix) + _ARGUMENTS[event]
        takes_last = method is None or positional_limit(method) >= wanted
        if self._overridden:
            trigger = self._instance.trigger_event
            # What an overridden `trigger_event` does with a reason is its own business: the one that it
            # inherits copes with both forms of `on_disconnect`.
            takes_last = (takes_last or event == "disconnect") and positional_limit(trigger) > wanted
            return Lifecycle(partial(trigger, event, *prefix), self._trigger, takes_last)
        if method is None:
            return None
        function = partial(method, *prefix) if prefix else method
        return Lifecycle(function, is_coroutine_function(method), takes_last)


class HandlerRegistry:
    """Every handler of a server."""

    __slots__ = ("_asking", "_classes", "_functions", "_middlewares")

    def __init__(self) -> None:
        self._functions: dict[str, dict[str, _Function]] = {}
        self._classes: dict[str, _ClassNamespace] = {}
        self._middlewares: list[tuple[str, Callable[..., Any], bool]] = []
        self._asking: set[str] = set()
        """Where there are ``connect`` handlers."""

    def add(self, namespace: str, event: str, function: Callable[..., Any]) -> None:
        """Register `function`, in the place of an earlier one for the same event."""
        inspected = _Function(function, is_coroutine_function(function), positional_limit(function))
        self._functions.setdefault(namespace, {})[event] = inspected
        if event == "connect":
            self._asking.add(namespace)

    def add_class(self, instance: socketio.AsyncNamespace) -> None:
        """Register a class namespace, in the place of an earlier one of that name."""
        self._classes[instance.namespace] = found = _ClassNamespace(instance)
        if found.find_lifecycle("connect", ()) is not None:
            self._asking.add(instance.namespace)

    def add_middleware(self, namespace: str, function: Callable[..., Any]) -> None:
        """Register a middleware behind those that are registered already."""
        self._middlewares.append((namespace, function, is_coroutine_function(function)))

    def middlewares(self, namespace: str, parent: str | None = None) -> tuple[Found, ...]:
        """Return the middlewares of a namespace in the order of their registration."""
        scopes = {scope for scope, _ in _scopes(namespace, parent)}
        return tuple(
            (function, is_async) for scope, function, is_async in self._middlewares if scope in scopes
        )

    def has_namespace(self, namespace: str) -> bool:
        """Tell whether anything was registered for exactly this namespace."""
        return namespace in self._functions or namespace in self._classes

    def may_ask(self, is_joined: Callable[[str], object]) -> bool:
        """Tell whether a ``connect`` handler may yet be called for a client.

        Args:
            is_joined: Tells whether the client is in a namespace, so that this one's has been.
        """
        return any(not (name.startswith("/") and is_joined(name)) for name in self._asking)

    def namespaces(self) -> set[str]:
        """Return the namespaces for which anything was registered, by their names."""
        return {name for name in (*self._functions, *self._classes) if name.startswith("/")}

    def find(self, namespace: str, event: str, parent: str | None = None) -> tuple[Found, bool] | None:
        """Find what handles an event of a client.

        Args:
            namespace: The namespace.
            event: The event's name.
            parent: The scope of the dynamic namespace that this one is a case of.

        Returns:
            The callable, and whether it may be remembered for this event. A ``"*"`` handler may not:
            names come from clients, and there is no end of them.
        """
        scopes = _scopes(namespace, parent)
        for name, prefix in scopes:
            functions = self._functions.get(name)
            if functions is None:
                continue
            if event != EVERY and (exact := functions.get(event)) is not None:
                return (_with_prefix(exact.function, prefix), exact.is_async), True
            if (every := functions.get(EVERY)) is not None and event not in RESERVED:
                return (partial(every.function, event, *prefix), every.is_async), False
        for name, prefix in scopes:
            if (instance := self._classes.get(name)) is not None:
                method, is_async, holds = instance.find(event)
                return (_with_prefix(method, prefix), is_async), holds
        return None

    def find_lifecycle(self, namespace: str, event: str, parent: str | None = None) -> Lifecycle | None:
        """Find the ``connect`` or ``disconnect`` handler of a namespace."""
        scopes = _scopes(namespace, parent)
        for name, prefix in scopes:
            exact = self._functions.get(name, {}).get(event)
            if exact is not None:
                takes_last = exact.limit >= len(prefix) + _ARGUMENTS[event]
                return Lifecycle(_with_prefix(exact.function, prefix), exact.is_async, takes_last)
        for name, prefix in scopes:
            if (instance := self._classes.get(name)) is not None:
                return instance.find_lifecycle(event, prefix)
        return None


def _scopes(namespace: str, parent: str | None) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return under which names to look, and what the handlers found there receive first."""
    if parent is None:
        return (namespace, ()), (EVERY, (namespace,))
    return (namespace, ()), (parent, (namespace,)), (EVERY, (namespace,))


def _with_prefix(function: Callable[..., Any], prefix: tuple[str, ...]) -> Callable[..., Any]:
    return partial(function, *prefix) if prefix else function
