"""Plain WebSocket endpoints: `websocket_handler` makes a route's handler of an ``async`` function.

async def feed(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)

app.router.add_get("/feed", websocket_handler(feed))
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Self

from aiohttp import web

from rtserver.clock import Clock
from rtserver.errors import ConnectionClosed, HandshakeError
from rtserver.transport import takeover
from rtserver.transport.endpoint_websocket import EndpointWebSocket
from rtserver.transport.turn import WriteTurn
from rtserver.transport.websocket import switch_head, wait_closed
from rtserver.websocket.deflate import DeflateOptions
from rtserver.websocket.frames import CloseCode
from rtserver.websocket.handshake import accept
from rtserver.websocket.origins import AllowedOrigins, check_origin, check_patterns

__all__ = ["WebSocket", "websocket_handler"]

logger = logging.getLogger("rtserver.websocket")

MAX_MESSAGE_SIZE = 1_000_000


class WebSocket:
    """One connection, as the function of `websocket_handler` sees it.

    Iterating over it gives the client's messages, ``str`` or ``bytes``, until the connection closes.

    Args:
        request: The handshake.
        subprotocol: What was agreed on, None without one.
        shell: The connection.
    """

    __slots__ = ("_shell", "request", "subprotocol")

    def __init__(self, request: web.Request, subprotocol: str | None, shell: EndpointWebSocket) -> None:
        self.request = request
        self.subprotocol = subprotocol
        self._shell = shell

    @property
    def latency(self) -> float | None:
        """The round-trip time of the last answered ping in seconds, None before the first."""
        return self._shell.latency

    @property
    def close_code(self) -> int | None:
        """The code that the connection closed with (RFC 6455, 7.4.1), None while it is open."""
        return self._shell.core.close_code

    @property
    def close_reason(self) -> str:
        """The reason beside the code."""
        return self._shell.core.close_reason

    def __aiter__(self) -> Self:
        """Go through the client's messages until the connection closes."""
        return self

    async def __anext__(self) -> str | bytes:
        """Return the next message."""
        try:
            return await self._shell.receive()
        except ConnectionClosed:
            raise StopAsyncIteration from None

    async def receive(self) -> str | bytes:
        """Return the next message.

        Raises:
            ConnectionClosed: There will be none.
        """
        return await self._shell.receive()

    async def send(self, message: str | bytes) -> None:
        """Send a text or a binary message; wait while the client is slow to read.

        Raises:
            ConnectionClosed: It can't be sent any more.
        """
        await self._shell.send(message)

    async def close(self, code: int = CloseCode.NORMAL, reason: str = "") -> None:
        """Close, and wait until the client has agreed or has taken too long. A no-op once closed.

        Args:
            code: The close code (RFC 6455, 7.4.1).
            reason: At most 123 bytes of UTF-8.

        Raises:
            ValueError: The code may not be sent, or the reason is too long.
        """
        self._shell.start_closing(code, reason)
        await self._shell.gone()


Endpoint = Callable[[WebSocket], Awaitable[object]]


def websocket_handler(
    handler: Endpoint,
    *,
    subprotocols: Sequence[str] = (),
    compression: bool | DeflateOptions | None = None,
    max_message_size: int = MAX_MESSAGE_SIZE,
    allowed_origins: AllowedOrigins = None,
    ping_interval: float | None = 20,
    ping_timeout: float = 20,
    close_timeout: float = 10,
    max_buffer_size: int = 16 * 1024 * 1024,
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Make an aiohttp handler of a WebSocket endpoint.

    The connection closes with 1000 when the function returns, with 1011 when it raises, and with 1001
    when the web server ends.

    Args:
        handler: Called with each `WebSocket`, in a task of its own.
        subprotocols: What the endpoint speaks, the preferred one first.
        compression: Whether to agree to permessage-deflate.
        max_message_size: The largest message that is accepted, in bytes; larger ones close with 1009.
        allowed_origins: None for pages of the same origin, ``"*"`` for all, an origin or a pattern such as
            ``"https://*.app.example"``, a list of these, or a function.
        ping_interval: Seconds between two pings, which also measure the latency; None for none.
        ping_timeout: Seconds until a client that doesn't answer a ping is disconnected.
        close_timeout: Seconds that the client has for its part in closing.
        max_buffer_size: Bytes that may wait for a client that doesn't read.

    Raises:
        ValueError: A pattern of origins is wrong.
    """
    check_patterns(allowed_origins)
    deflate = compression if isinstance(compression, DeflateOptions) else DeflateOptions()
    endpoint = _Endpoint(handler, ping_interval, ping_timeout, close_timeout, max_buffer_size)

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            check_origin(
                request.headers.get("Origin"),
                request.headers.get("Host", ""),
                request.scheme,
                allowed_origins,
            )
            accepted = accept(
                request.method,
                (request.version.major, request.version.minor),
                request.headers,
                subprotocols=subprotocols,
                deflate=deflate if compression else None,
            )
        except HandshakeError as error:
            return web.Response(status=error.status, text=f"{error.message}\n", headers=error.headers)
        headers = dict(accepted.response_headers)
        if takeover.has_hooks(request):
            hooked = web.StreamResponse(status=101, headers=headers)
            await takeover.prepare(request, hooked)
            headers = dict(hooked.headers)
        endpoint.watch(takeover.server_of(request))
        shell = EndpointWebSocket(endpoint, max_message_size, accepted.deflate, deflate)
        try:
            taken = takeover.take_over(request, shell)
        except ConnectionResetError:
            return takeover.TakenResponse()
        taken.transport.write(switch_head(headers.items()))
        endpoint.start(WebSocket(request, accepted.subprotocol, shell), shell)
        shell.begin(taken.transport, taken.writing_paused)
        if taken.tail:
            shell.data_received(taken.tail)
        return takeover.TakenResponse(status=101)

    return handle


class _Endpoint:
    """What the connections of one endpoint share."""

    def __init__(
        self,
        handler: Endpoint,
        ping_interval: float | None,
        ping_timeout: float,
        close_timeout: float,
        max_buffer_size: int,
    ) -> None:
        self._handler = handler
        self._running: dict[EndpointWebSocket, asyncio.Task[None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self.ping_interval = ping_interval
        self.ping_timeout = ping_timeout
        self.close_timeout = close_timeout
        self.max_buffer_size = max_buffer_size

    def watch(self, server: web.Server) -> None:
        """Close the connections when the web server ends."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop = loop
            self.clock = Clock(loop)
            self.turn = WriteTurn(loop)
        takeover.close_with(server, self)

    def start(self, websocket: WebSocket, shell: EndpointWebSocket) -> None:
        """Run the function for one connection."""
        task = asyncio.get_running_loop().create_task(self._run(websocket, shell))
        self._running[shell] = task

    async def _run(self, websocket: WebSocket, shell: EndpointWebSocket) -> None:
        code = CloseCode.NORMAL
        try:
            await self._handler(websocket)
        except ConnectionClosed:
            pass
        except asyncio.CancelledError:
            code = CloseCode.GOING_AWAY
            raise
        except Exception:
            logger.exception("the handler of %s failed", websocket.request.path)
            code = CloseCode.INTERNAL_ERROR
        finally:
            del self._running[shell]
            shell.discard_incoming()
            shell.start_closing(code, "")

    def close(self) -> None:
        """Begin to close all connections: the web server is about to end."""
        for shell in list(self._running):
            shell.start_closing(CloseCode.GOING_AWAY, "server shutting down")

    async def shutdown(self, timeout: float | None) -> None:  # noqa: ASYNC109 - aiohttp calls it so
        """Wait for clients and handlers."""
        self.close()
        running = dict(self._running)
        await wait_closed(list(running), self.close_timeout if timeout is None else timeout)
        if running:
            await asyncio.wait(running.values(), timeout=timeout)
            for task in running.values():
                task.cancel()
