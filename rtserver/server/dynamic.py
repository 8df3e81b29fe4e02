"""Namespaces that exist when a client asks for them: by a pattern, or by a predicate of the application's."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

from rtserver.server.handlers import positional_limit

__all__ = ["DynamicNamespaces", "Matcher"]

Matcher = re.Pattern[str] | Callable[..., Any]
"""A pattern, which is searched for in a namespace's name; or a function, plain or ``async def``, that takes
the name, and the auth data if it takes two arguments, and tells whether there is such a namespace."""


class DynamicNamespaces:
    """The patterns and predicates of a server, each with the scope that its handlers are registered for."""

    __slots__ = ("_matchers",)

    def __init__(self) -> None:
        self._matchers: dict[str, Matcher] = {}

    def __bool__(self) -> bool:
        """Return True if there are any."""
        return bool(self._matchers)

    def add(self, matcher: Matcher) -> str:
        """Register a matcher.

        Returns:
            Its scope: a name that no namespace can have, for `HandlerRegistry`.

        Raises:
            TypeError: It is neither a pattern nor a function.
        """
        if not isinstance(matcher, re.Pattern) and not callable(matcher):
            raise TypeError(f"received {matcher!r}, expected a name, a compiled pattern or a function")
        for scope, known in self._matchers.items():
            if known is matcher:
                return scope
        scope = f"dynamic-{len(self._matchers)}"
        self._matchers[scope] = matcher
        return scope

    async def find(self, name: str, auth: Any) -> str | None:
        """Return the scope of the first matcher that accepts a namespace; None if there is none.

        Whatever a predicate raises is raised.
        """
        for scope, matcher in tuple(self._matchers.items()):
            if isinstance(matcher, re.Pattern):
                if matcher.search(name):
                    return scope
                continue
            accepted = matcher(name, auth) if positional_limit(matcher) > 1 else matcher(name)
            if inspect.isawaitable(accepted):
                accepted = await accepted
            if accepted:
                return scope
        return None
