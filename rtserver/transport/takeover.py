"""Take a connection over from aiohttp, and hand one to it: the only file that touches aiohttp's internals.

aiohttp parses a request and calls our handler. From there on the connection is ours: we write the
response, and bytes that arrive later come to a protocol of our own. Of aiohttp's objects for a
connection (`RequestHandler` with its two tasks, parser, keep-alive handle, request and writer) nothing
stays in memory, which is most of what an idle connection would weigh: the request of an attached server for
as long as ``connect`` handlers may want it, the rest no longer than this.

`INTERNALS` lists every private name that is used here. A test fails, naming it, when one is gone, and
others run the whole way on both loops and over TLS.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple, Protocol, cast

from aiohttp import http_parser, web, web_protocol

__all__ = [
    "INTERNALS",
    "Rest",
    "Taken",
    "TakenResponse",
    "close_with",
    "hand_over",
    "has_hooks",
    "prepare",
    "rest_of",
    "server_of",
    "take_over",
    "watch_disconnect",
]

INTERNALS: dict[type, tuple[str, ...]] = {
    web_protocol.RequestHandler: (
        "_connection_lost",
        "_current_request",
        "_force_close",
        "_keepalive_handle",
        "_logging_enabled",
        "_manager",
        "_message_tail",
        "_messages",
        "_parser",
        "_paused",
        "_request_factory",
        "_request_handler",
        "_task_handler",
        "debug",
        "transport",
    ),
    web.Request: ("_payload", "_prepare_hook", "_cancel"),
    web.Server: ("_connections",),
}
"""The private names of aiohttp that this file relies on, by class."""


class Taken(NamedTuple):
    """A connection that is ours."""

    transport: asyncio.Transport
    tail: bytes
    """What the client sent right behind its request."""
    writing_paused: bool
    """True when the transport's buffer was above its high-water mark: `resume_writing` will follow."""


class TakenResponse(web.StreamResponse):
    """What a handler returns to aiohttp for a connection that was taken over. Nothing is sent.

    Its status is for middlewares, to which it comes through.
    """

    async def prepare(self, request: web.BaseRequest) -> Any:
        """Send nothing: the response is on its way already."""
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Send nothing."""


def take_over(request: web.Request, protocol: asyncio.Protocol) -> Taken:
    """Set `protocol` on the connection of `request`, and make aiohttp let go of it.

    The caller's handler then returns a `TakenResponse`, and calls the new protocol with the tail.

    Raises:
        ConnectionResetError: The client has gone.
    """
    handler = _handler(request)
    transport = handler.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError("the client has gone")
    tail, writing_paused = handler._message_tail, handler._paused
    if handler._manager is not None:
        handler._manager._connections.pop(handler, None)
    if handler._keepalive_handle is not None:
        handler._keepalive_handle.cancel()
        handler._keepalive_handle = None
    handler.transport = None  # the writer and the request ask the handler for it
    handler._force_close = True  # `start` ends behind this request, and has nothing to close
    handler._logging_enabled = handler.debug = False
    handler._message_tail = b""
    handler._messages.clear()
    handler._parser = None  # it refers back to the handler
    handler._manager = None
    handler._request_handler = handler._request_factory = None
    handler._task_handler = None
    transport.set_protocol(protocol)
    transport.resume_reading()
    return Taken(transport, tail, writing_paused)


class Rest(Enum):
    """What aiohttp holds of further requests on a connection."""

    NOTHING = "nothing"
    """The connection can be taken over."""
    PARTIAL = "partial"
    """A part of a request: the connection must end behind the response."""
    QUEUED = "queued"
    """Whole requests: aiohttp must go on with it."""


def rest_of(request: web.Request) -> Rest:
    """Find out whether something of a further request is in aiohttp's hands, so that none is cut in two.

    The compiled parser keeps a partial request to itself. Told of the end of the stream, it gives the
    request that has begun, or raises, and is of no further use; between two requests it does nothing.
    """
    handler = _handler(request)
    parser = handler._parser
    if handler._messages or handler._message_tail or not request._payload.is_eof():
        return Rest.QUEUED
    if not isinstance(parser, http_parser.HttpRequestParserC):
        return Rest.QUEUED
    try:
        begun = parser.feed_eof()
    except Exception:  # noqa: BLE001 - the parser's many ways to say that something has begun
        return Rest.PARTIAL
    return Rest.NOTHING if begun is None else Rest.PARTIAL


def has_hooks(request: web.Request) -> bool:
    """Tell whether the application, or the access log, wants to see every request or response."""
    return _handler(request)._logging_enabled or any(
        app.middlewares or app.on_response_prepare for app in request.match_info.apps
    )


async def prepare(request: web.Request, response: web.StreamResponse) -> None:
    """Run the application's ``on_response_prepare`` hooks, which may change the headers of `response`."""
    await request._prepare_hook(response)


def watch_disconnect(request: web.Request, callback: Callable[[], None]) -> None:
    """Call `callback` when the client of a request without a body goes away before it is answered.

    aiohttp tells the request's body of it, even where that is empty.
    """
    request._payload = cast(Any, _Watcher(callback))


class _Watcher:
    __slots__ = ("_callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        self._callback()


def server_of(request: web.Request) -> web.Server:
    """Return the server that the request came to."""
    server = _handler(request)._manager
    if server is None:
        raise ConnectionResetError("the client has gone")
    return server


class Closable(Protocol):
    """What has to be closed when a web server ends."""

    def close(self) -> None:
        """Begin to close: the server accepts nothing more."""

    async def shutdown(self, timeout: float | None) -> None:  # noqa: ASYNC109 - aiohttp calls it so
        """Close, within some seconds."""


def close_with(server: web.Server, closable: Closable) -> None:
    """Close `closable` as the connections of a web server are closed when it ends."""
    server._connections[cast(Any, closable)] = cast(Any, None)


def hand_over(server: web.Server, transport: asyncio.Transport, data: bytes, writing_paused: bool) -> None:
    """Let aiohttp serve a connection from here on.

    Args:
        server: The server of the application.
        transport: The connection.
        data: What was received and not answered.
        writing_paused: True when the transport has called `pause_writing` last.
    """
    handler = server()
    transport.set_protocol(handler)
    handler.connection_made(transport)
    if writing_paused:
        handler.pause_writing()
    if data:
        handler.data_received(data)
    transport.resume_reading()


def _handler(request: web.BaseRequest) -> web_protocol.RequestHandler:
    handler = request.protocol
    if not isinstance(handler, web_protocol.RequestHandler):
        raise TypeError(f"a request of aiohttp's own server was expected, not one of {handler!r}")
    return handler
