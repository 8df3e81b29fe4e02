"""A fast lane for our own HTTP requests: what aiohttp would spend most of the time on, left out.

A connection enters it from its first byte, or after aiohttp has parsed a polling request on it. What
`head.recognise` understands, and is for our path, is served here. Anything else goes, with all bytes
received, to a fresh handler of aiohttp's, which serves the connection from then on. No byte is ever
seen by both.
"""

from __future__ import annotations

import asyncio
import time
from functools import lru_cache
from http import HTTPStatus
from typing import cast

from aiohttp import web

from rtserver.clock import Timer
from rtserver.transport import takeover
from rtserver.transport.engine_host import EngineHost
from rtserver.transport.exchange import Exchange, HeaderPairs, Response, address
from rtserver.transport.handover.neighbours import Neighbour
from rtserver.transport.handover.request import request_bytes
from rtserver.transport.handover.sender import Outcome
from rtserver.transport.head import MAX_HEAD, Head, recognise
from rtserver.transport.polling import Polling
from rtserver.transport.routes import Routes
from rtserver.transport.switch import Switch

__all__ = ["Lane", "LaneExchange", "LaneHost"]

MAX_PIPELINED = 64 * 1024
"""Bytes that are kept behind a request that isn't answered yet, or whose answer the client doesn't read."""
REQUESTS_PER_TURN = 32
"""Requests of one connection that are served before others have their turn."""


class LaneHost:
    """What all lanes of one path and one web server share.

    Args:
        host: What the sessions share.
        routes: Where requests go.
        web_server: Who gets what isn't ours.
        path: The path that is ours.
        lanes: The connections, for the shutdown.
    """

    __slots__ = ("host", "lanes", "prefixes", "routes", "web_server")

    def __init__(
        self, host: EngineHost, routes: Routes, web_server: web.Server, path: str, lanes: set[Lane]
    ) -> None:
        self.host = host
        self.routes = routes
        self.web_server = web_server
        self.prefixes = (f"GET {path}?".encode(), f"POST {path}?".encode())
        self.lanes = lanes


class LaneExchange(Exchange):
    """A request that came in on a lane."""

    __slots__ = ("keep_alive", "lane")

    lane: Lane | None
    keep_alive: bool

    def answer(self, response: Response) -> None:
        """Write the response, unless the client has gone."""
        lane = self.lane
        if lane is not None:
            self.lane = None
            lane.answer(response, self.keep_alive)

    def switch(self, switch: Switch) -> None:
        """Write the response, and let the WebSocket have the connection."""
        lane = self.lane
        if lane is None:
            switch.fail()
        else:
            self.lane = None
            lane.switch(switch)

    def move(self, neighbour: Neighbour) -> Outcome:
        """Let another process have the connection."""
        lane = self.lane
        assert lane is not None
        outcome = lane.move(neighbour, self)
        if outcome is Outcome.SENT:
            self.lane = None
        return outcome


class Lane(asyncio.Protocol):
    """One HTTP connection, which carries one request after another.

    Args:
        shared: What all lanes share.
    """

    __slots__ = (
        "_body",
        "_buffer",
        "_exchange",
        "_host",
        "_is_advancing",
        "_is_due",
        "_known",
        "_local",
        "_missing",
        "_polling",
        "_remote",
        "_secure",
        "_shared",
        "_since",
        "_timer",
        "_transport",
        "_write_paused",
    )

    def __init__(self, shared: LaneHost) -> None:
        self._shared = shared
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        """What isn't processed yet: a head's beginning, or requests behind the present one."""
        self._exchange: LaneExchange | None = None
        """The request that isn't answered yet."""
        self._polling: Polling | None = None
        """Who gets the body that is being read."""
        self._body = bytearray()
        self._missing = 0
        self._known: Head | None = None
        self._host: str | None = None
        """The only ``Host`` that is served here: aiohttp may route another one elsewhere."""
        self._is_advancing = False
        self._is_due = False
        """True while what waits has its turn soon, behind what others send."""
        self._write_paused = False
        self._since = 0.0
        self._timer: Timer | None = None
        self._remote = self._local = ("", 0)
        self._secure = False

    # The connection.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Serve a connection from its first byte."""
        self.enter(cast(asyncio.Transport, transport), False)

    def enter(self, transport: asyncio.Transport, writing_paused: bool) -> None:
        """Serve a connection whose protocol this is now."""
        shared = self._shared
        self._transport = transport
        self._write_paused = writing_paused
        self._remote = address(transport.get_extra_info("peername"))
        self._local = address(transport.get_extra_info("sockname"))
        self._secure = transport.get_extra_info("sslcontext") is not None
        self._since = shared.host.clock.now()
        self._timer = Timer(shared.host.clock, self._check_idle)
        self._timer.set(shared.host.options.keepalive_timeout)
        shared.lanes.add(self)

    def adopt(self, request: web.Request) -> LaneExchange:
        """Take over the connection of a request that aiohttp has parsed, and which is not answered yet.

        Raises:
            ConnectionResetError: The client has gone.
        """
        taken = takeover.take_over(request, self)
        self.enter(taken.transport, taken.writing_paused)
        exchange = LaneExchange(
            request.method,
            request.raw_path,
            (request.version.major, request.version.minor),
            request.headers,
            request.raw_headers,
            self._remote,
            self._local,
            self._secure,
            request,
        )
        self._host = request.headers.get("Host")
        exchange.lane = self
        exchange.keep_alive = request.keep_alive
        self._exchange = exchange
        return exchange

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell who was going to answer."""
        self._leave()
        exchange = self._exchange
        self._exchange = self._polling = None
        self._body = bytearray()
        if exchange is not None:
            exchange.lane = None
            exchange.lost()

    def _leave(self) -> None:
        self._transport = None
        self._buffer = b""
        self._shared.lanes.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """Close the connection, unless it has a request to answer."""
        if self._transport is not None and self._exchange is None:
            self._transport.close()

    def abort(self) -> None:
        """End the connection, whatever it is at."""
        if self._transport is not None:
            self._transport.abort()

    def pause_writing(self) -> None:
        """Take no further request while the client doesn't read."""
        self._write_paused = True

    def resume_writing(self) -> None:
        """Go on."""
        self._write_paused = False
        self._go_on()

    def _check_idle(self) -> None:
        transport, timer = self._transport, self._timer
        if transport is None or timer is None:
            return
        host = self._shared.host
        patience = host.options.keepalive_timeout
        idle = host.clock.now() - self._since
        if self._exchange is not None and self._polling is None:
            timer.set(patience)  # a poll that is held; the session's heartbeat watches over it
        elif idle < patience:
            timer.set(patience - idle)
        elif self._write_paused or self._exchange is not None:
            transport.abort()
        else:
            transport.close()

    # Requests.

    def data_received(self, data: bytes) -> None:
        """Take what arrives."""
        if self._polling is not None:
            self._take_body(data)
        else:
            self._buffer = self._buffer + data if self._buffer else data
        if self._exchange is None:
            self._advance()
        if len(self._buffer) > MAX_PIPELINED and self._transport is not None:
            self._transport.pause_reading()

    def _begin_turn(self) -> None:
        self._is_due = False
        self._go_on()

    def _go_on(self) -> None:
        """Process what waits, and read on unless much still does."""
        self._advance()
        transport = self._transport
        if transport is not None and not transport.is_closing() and len(self._buffer) <= MAX_PIPELINED:
            transport.resume_reading()

    def _advance(self) -> None:
        """Process requests, until one isn't complete or isn't answered at once, or it is others' turn."""
        if self._is_advancing or self._is_due:
            return
        self._is_advancing = True
        served = 0
        try:
            while (
                self._buffer
                and self._exchange is None
                and not self._write_paused
                and self._transport is not None
                and not self._transport.is_closing()
            ):
                if served == REQUESTS_PER_TURN:
                    self._is_due = True
                    self._shared.host.loop.call_soon(self._begin_turn)
                    break
                if not self._begin():
                    break
                served += 1
        finally:
            self._is_advancing = False

    def _begin(self) -> bool:
        """Take the head of a request; return False when that needs more bytes, or isn't ours."""
        buffer = self._buffer
        prefixes = self._shared.prefixes
        if not buffer.startswith(prefixes):
            if any(prefix.startswith(buffer) for prefix in prefixes):
                return False
            return self._hand_over()
        end = buffer.find(b"\r\n\r\n", 0, MAX_HEAD) + 4
        if end < 4:
            return False if len(buffer) < MAX_HEAD else self._hand_over()
        head = recognise(buffer[:end], self._known)
        if head is None or (self._host is not None and head.headers.values["host"] != self._host):
            return self._hand_over()
        self._known = head
        self._since = self._shared.host.clock.now()
        self._buffer = buffer[end:]
        exchange = LaneExchange(
            head.method,
            head.target,
            (1, 1),
            head.headers,
            _RawHeaders(head),
            self._remote,
            self._local,
            self._secure,
        )
        exchange.lane = self
        exchange.keep_alive = head.keep_alive
        self._exchange = exchange
        polling = self._shared.routes.begin(exchange)
        if polling is not None:
            self._polling = polling
            self._missing = head.length
            data, self._buffer = self._buffer, b""
            self._take_body(data)
        return True

    def _take_body(self, data: bytes) -> None:
        if len(data) < self._missing:
            self._missing -= len(data)
            self._body += data
            return
        self._buffer = data[self._missing :]
        body = data[: self._missing]
        if self._body:
            self._body += body
            body = bytes(self._body)
            self._body = bytearray()
        polling, exchange = self._polling, self._exchange
        self._polling = None
        assert polling is not None
        assert exchange is not None
        polling.end_post(exchange, body)

    def serve(self, exchange: LaneExchange) -> None:
        """Serve a GET that aiohttp has parsed."""
        polling = self._shared.routes.begin(exchange)
        assert polling is None

    def answer(self, response: Response, keep_alive: bool) -> None:
        """Write the response to the present request, and go on with the next."""
        transport = self._transport
        self._exchange = None
        if transport is None or transport.is_closing():
            return
        if response.close:
            keep_alive = False
        head = _encode_head(response.status, response.headers, keep_alive)
        transport.write(
            b"%b%b\r\nContent-Length: %d\r\n\r\n%b" % (head, _date(), len(response.body), response.body)
        )
        if not keep_alive:
            transport.close()
            return
        self._since = self._shared.host.clock.now()
        if self._buffer and not self._is_advancing:
            self._go_on()

    def switch(self, switch: Switch) -> None:
        """Write the response to the present request, and let a WebSocket have the connection."""
        transport, tail = self._transport, self._buffer
        self._exchange = None
        if transport is None:
            switch.fail()
            return
        writing_paused = self._write_paused
        self._leave()
        transport.set_protocol(switch.websocket)
        transport.resume_reading()  # paused when more came behind a request that waited than is kept
        switch.complete(transport, tail, writing_paused)

    def move(self, neighbour: Neighbour, exchange: LaneExchange) -> Outcome:
        """Let another process serve the connection from the present request on."""
        transport = self._transport
        assert transport is not None
        outcome = neighbour.serve(transport, request_bytes(exchange) + self._buffer, self._write_paused)
        if outcome is Outcome.SENT:
            self._exchange = None
            self._leave()
        return outcome

    def pass_on(self, heir: Neighbour) -> None:
        """Let another process have a connection on which no request has come yet."""
        transport = self._transport
        if (
            transport is None
            or transport.is_closing()
            or self._known is not None
            or self._exchange is not None
        ):
            return
        if heir.serve(transport, self._buffer, self._write_paused) is Outcome.SENT:
            self._leave()

    def _hand_over(self) -> bool:
        transport, data, writing_paused = self._transport, self._buffer, self._write_paused
        assert transport is not None
        self._leave()
        takeover.hand_over(self._shared.web_server, transport, data, writing_paused)
        return False


class _RawHeaders:
    """Names and values as received, split only if someone asks."""

    __slots__ = ("_head",)

    def __init__(self, head: Head) -> None:
        self._head = head

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(self._head.headers.raw())


@lru_cache(maxsize=256)
def _encode_head(status: int, headers: HeaderPairs, keep_alive: bool) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if not keep_alive:
        lines.append("Connection: close")
    # What a client has sent goes back as it came, whatever bytes these were: aiohttp decodes them so.
    return "\r\n".join([*lines, "Date: "]).encode("utf-8", "surrogateescape")


_dated = (0, b"")


def _date() -> bytes:
    """Return the time for the ``Date`` header (RFC 9110, 6.6.1), made once a second."""
    global _dated  # noqa: PLW0603
    now = int(time.time())
    if _dated[0] != now:
        _dated = (now, time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(now)).encode())
    return _dated[1]
