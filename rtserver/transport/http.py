"""aiohttp's requests as exchanges: the route that an application serves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from rtserver.transport import takeover
from rtserver.transport.exchange import Exchange, Response, address
from rtserver.transport.handover.neighbours import Neighbour
from rtserver.transport.handover.request import request_bytes
from rtserver.transport.handover.sender import Outcome
from rtserver.transport.lane import Lane, LaneHost
from rtserver.transport.options import EngineOptions
from rtserver.transport.polling import Polling
from rtserver.transport.routes import Routes
from rtserver.transport.switch import Switch
from rtserver.transport.takeover import Rest

__all__ = ["HttpExchange", "HttpRoute", "switch_over", "web_response"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HttpExchange(Exchange):
    """A request that aiohttp parsed, and whose response it writes."""

    __slots__ = ("_future", "_is_lost", "neighbour", "response", "switched")

    def __init__(self, request: web.Request) -> None:
        transport = request.transport
        info = transport.get_extra_info if transport is not None else _nothing
        super().__init__(
            request.method,
            request.raw_path,
            (request.version.major, request.version.minor),
            request.headers,
            request.raw_headers,
            address(info("peername")),
            address(info("sockname")),
            request.secure,
            request,
        )
        self.response: Response | None = None
        self.switched: Switch | None = None
        self.neighbour: Neighbour | None = None
        """Who serves the connection from this request on."""
        self._future: asyncio.Future[None] | None = None
        self._is_lost = False

    def answer(self, response: Response) -> None:
        """Let the route's handler return the response."""
        self.response = response
        self._wake()

    def switch(self, switch: Switch) -> None:
        """Let the route's handler take the connection over."""
        self.switched = switch
        self._wake()

    def move(self, neighbour: Neighbour) -> Outcome:
        """Let the route's handler give the connection away."""
        self.neighbour = neighbour
        return Outcome.SENT

    def lost(self) -> None:
        """The client has gone."""
        self._is_lost = True
        super().lost()
        self._wake()

    def _wake(self) -> None:
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    async def wait(self, request: web.Request) -> None:
        """Wait until it is answered, or the client has gone."""
        if self.response is None and self.switched is None and not self._is_lost:
            self._future = asyncio.get_running_loop().create_future()
            takeover.watch_disconnect(request, self.lost)
            try:
                await self._future
            except asyncio.CancelledError:
                self.lost()
                if self.switched is not None:
                    self.switched.fail()
                raise


class HttpRoute:
    """The handler of our path in an aiohttp application.

    Args:
        routes: Where requests go.
        options: The server's options.
        lane_host: Makes what the lanes of a web server and path share.
    """

    def __init__(
        self, routes: Routes, options: EngineOptions, lane_host: Callable[[web.Server, str], LaneHost]
    ) -> None:
        self._routes = routes
        self._max_payload = options.max_payload
        self._body_timeout = options.keepalive_timeout
        self._lane_host = lane_host

    async def handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Serve one request.

        Args:
            request: aiohttp's request.
            handler: The handler that is ours alone.
        """
        # In the lane, only our own path's handler runs: not one of the application's that calls ours.
        may_leave = (
            not takeover.has_hooks(request)
            and request.match_info.handler == handler
            and request.version == (1, 1)
            and request.keep_alive
        )
        try:
            if may_leave and request.method == "GET" and "Upgrade" not in request.headers:
                return await self._get(request)
            exchange = HttpExchange(request)
            polling = self._routes.begin(exchange)
            if exchange.neighbour is not None:
                return await self._move_with_body(request, exchange, exchange.neighbour)
            if polling is not None:
                await self._read_body(request, exchange, polling)
            return await self._answer(request, exchange, may_leave and request.method == "POST")
        except ConnectionResetError:
            return takeover.TakenResponse()  # the client has gone

    async def _get(self, request: web.Request) -> web.StreamResponse:
        """Take the connection into the lane, if that is possible, before the request is answered."""
        rest = takeover.rest_of(request)
        if rest is Rest.NOTHING:
            lane = self._lane(request)
            lane.serve(lane.adopt(request))
            return takeover.TakenResponse()
        exchange = HttpExchange(request)
        self._routes.begin(exchange)
        if exchange.neighbour is not None:
            return self._move(request, exchange, exchange.neighbour, rest=rest)
        return await self._answer(request, exchange, False, close=rest is Rest.PARTIAL)

    async def _answer(
        self, request: web.Request, exchange: HttpExchange, may_leave: bool, close: bool = False
    ) -> web.StreamResponse:
        """Return the response when there is one; or let the lane or a WebSocket have the connection."""
        await exchange.wait(request)
        if exchange.switched is not None:
            return await switch_over(request, exchange.switched)
        response = exchange.response
        if response is None:
            raise ConnectionResetError("the client has gone")
        close |= response.close
        if may_leave and not close:
            rest = takeover.rest_of(request)
            if rest is Rest.NOTHING:
                lane = self._lane(request)
                lane.adopt(request).answer(response)
                return takeover.TakenResponse()
            close = rest is Rest.PARTIAL
        return web_response(response, close)

    def _lane(self, request: web.Request) -> Lane:
        return Lane(self._lane_host(takeover.server_of(request), request.rel_url.raw_path))

    async def _read_body(self, request: web.Request, exchange: HttpExchange, polling: Polling) -> None:
        try:
            body = await self._body(request)
        except asyncio.CancelledError:
            exchange.lost()
            raise
        except Exception as error:  # noqa: BLE001 - a connection that broke, or any of the parser's errors
            self._routes.body_broken(exchange, is_gone=request.transport is None, error=error)
        else:
            if body is None:
                self._routes.body_failed(exchange, polling)
            else:
                polling.end_post(exchange, body)

    async def _body(self, request: web.Request) -> bytes | None:
        """Read the body; return None when it is larger than what is accepted."""
        body = bytearray()
        async with asyncio.timeout(self._body_timeout):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > self._max_payload:
                    return None
        return bytes(body)

    # A session of another process.

    async def _move_with_body(
        self, request: web.Request, exchange: HttpExchange, neighbour: Neighbour
    ) -> web.StreamResponse:
        """Let another process serve the connection from this request on, once its body is here."""
        if request.method == "GET" and "Upgrade" in request.headers:
            return self._move(request, exchange, neighbour)
        try:
            body = await self._body(request)
        except Exception as error:  # noqa: BLE001 - as with a session of this process
            self._routes.body_broken(exchange, is_gone=request.transport is None, error=error)
            return await self._answer(request, exchange, False)
        if body is None:
            self._routes.body_refused(exchange)
            return await self._answer(request, exchange, False)
        return self._move(request, exchange, neighbour, body, takeover.rest_of(request))

    def _move(
        self,
        request: web.Request,
        exchange: HttpExchange,
        neighbour: Neighbour,
        body: bytes = b"",
        rest: Rest = Rest.NOTHING,
    ) -> web.StreamResponse:
        # What aiohttp has of further requests is lost with it: clients send them again (RFC 9112, 9.3.2)
        data = request_bytes(exchange, body, close=rest is not Rest.NOTHING)
        transport, tail, writing_paused = takeover.take_over(request, asyncio.Protocol())
        if neighbour.serve(transport, data + tail, writing_paused) is not Outcome.SENT:
            transport.close()  # the process has gone in this moment
        return takeover.TakenResponse()


async def switch_over(request: web.Request, switch: Switch) -> web.StreamResponse:
    """Make the connection of a request a WebSocket.

    Raises:
        ConnectionResetError: The client has gone.
    """
    try:
        if takeover.has_hooks(request):
            response = web.StreamResponse(status=101)
            await takeover.prepare(request, response)
            switch = switch.with_headers(response.headers.items())
        taken = takeover.take_over(request, switch.websocket)
    except BaseException:
        switch.fail()
        raise
    switch.complete(*taken)
    return takeover.TakenResponse(status=101)


def web_response(response: Response, close: bool = False) -> web.Response:
    """Return aiohttp's form of a response.

    Args:
        response: The response.
        close: True when the connection must end behind it, whatever the response says.
    """
    answer = web.Response(status=response.status, headers=response.headers, body=response.body)
    if close or response.close:
        answer.force_close()
    return answer


def _nothing(name: str) -> None:
    return None
