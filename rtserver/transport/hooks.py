"""What an application hooks into at the HTTP level: admission, response headers, refused requests.

The names are those of the reference server's engine: ``allowRequest``, and the events
``initial_headers``, ``headers`` and ``connection_error``.
"""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from multidict import CIMultiDict

from rtserver.engineio.counters import Counters
from rtserver.engineio.handler import Handshake
from rtserver.engineio.request import REASONS
from rtserver.errors import EngineRequestError
from rtserver.transport.exchange import Exchange, HeaderPairs

__all__ = ["AllowRequest", "HeaderHook", "Hooks", "RefusedRequest"]

logger = logging.getLogger("rtserver.transport")

Verdict = bool | str | None
AllowRequest = Callable[[Handshake], Verdict | Awaitable[Verdict]]
HeaderHook = Callable[[CIMultiDict[str], Handshake], object]

# RFC 9110, 5.6.2 "Tokens" and 5.5 "Field Values", the latter without what lies beyond ASCII
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t -~]*")
_TRANSPORTS_OWN: Final = re.compile(
    "cache-control|connection|content-encoding|content-length|content-type|date|keep-alive|sec-websocket-.*"
    "|te|trailer|transfer-encoding|upgrade"
)


class RefusedRequest(NamedTuple):
    """A request that was refused: what a ``connection_error`` hook receives."""

    request: Handshake
    """The request."""
    code: int
    """The protocol's error code, 0 to 5."""
    message: str
    """The protocol's text for this code."""
    context: Mapping[str, Any]
    """What was wrong, with the reference server's keys where it has any; else ``message``."""


class Hooks:
    """The functions that an application has hooked in. A list that is empty costs one look at it.

    Args:
        counters: What the server counts.
        allow_request: Decides which clients may open a session; None for all.
    """

    __slots__ = ("allow_request", "connection_error", "counters", "headers", "initial_headers")

    def __init__(self, counters: Counters, allow_request: AllowRequest | None) -> None:
        self.counters = counters
        self.set_allow_request(allow_request)
        self.initial_headers: list[HeaderHook] = []
        self.headers: list[HeaderHook] = []
        self.connection_error: list[Callable[[RefusedRequest], object]] = []

    def set_allow_request(self, function: AllowRequest | None) -> None:
        """Let a function decide which clients may open a session, or None for all.

        Raises:
            TypeError: It isn't a function.
        """
        if function is not None and not callable(function):
            raise TypeError(f"allow_request: received {function!r}, expected a function or None")
        self.allow_request = function

    def add(self, event: str, function: Callable[..., Any]) -> None:
        """Call `function` at each of these events from now on, behind those that are there.

        Raises:
            ValueError: There is no such event.
            TypeError: The function is none, or an ``async`` one.
        """
        lists: dict[str, list[Any]] = {
            "initial_headers": self.initial_headers,
            "headers": self.headers,
            "connection_error": self.connection_error,
        }
        if event not in lists:
            raise ValueError(f"received the event {event!r}, expected one of {', '.join(lists)}")
        if not callable(function) or inspect.iscoroutinefunction(function):
            raise TypeError(f"{event}: received {function!r}, expected a plain function, not an async one")
        lists[event].append(function)

    def change(self, headers: HeaderPairs, handshake: Handshake, *, initial: bool) -> HeaderPairs:
        """Let the hooks change the headers of a response.

        Args:
            headers: Those that the application may see and change.
            handshake: The request.
            initial: True for the first response of a session.

        Raises:
            ValueError: A hook has set a header that can't be sent, or that is the transport's own.
        """
        changing = CIMultiDict(headers)
        for hook in (*self.initial_headers, *self.headers) if initial else self.headers:
            hook(changing, handshake)
        return tuple(_checked(changing.items()))

    def tell_refused(self, exchange: Exchange, error: EngineRequestError) -> None:
        """Tell those who want to know of a refused request."""
        context = error.context or {"message": error.message}
        refused = RefusedRequest(exchange.handshake(), error.code, REASONS[error.code], context)
        for hook in self.connection_error:
            try:
                hook(refused)
            except Exception:
                self.counters.handler_errors += 1
                logger.exception("a connection_error hook failed")


def _checked(headers: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, str]]:
    for name, value in headers:
        if not _NAME.fullmatch(name):
            raise ValueError(f"a hook set the header {name!r}: letters, digits and - were expected in a name")
        if _TRANSPORTS_OWN.fullmatch(name.lower()):
            raise ValueError(f"a hook set the header {name}: the transport sets it itself, leave it out")
        if not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise ValueError(
                f"a hook set the header {name} to {value!r}: one line of ASCII text was expected; "
                "quote or encode other characters, and call headers.add for each of several values"
            )
        yield name, value
