"""The endpoint of plain WebSocket clients: their handshake, and the route in an aiohttp application."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from rtserver.engineio.counters import Counters
from rtserver.engineio.session import Event
from rtserver.errors import HandshakeError
from rtserver.plain.json_form import JsonForm
from rtserver.plain.msgpack_form import MsgpackForm
from rtserver.plain.translator import Translator
from rtserver.socketio.codec import Codec
from rtserver.socketio.packet import Limits
from rtserver.transport import takeover
from rtserver.transport.engine_host import EngineHost
from rtserver.transport.entrance import Entrance
from rtserver.transport.exchange import Exchange
from rtserver.transport.http import HttpExchange, switch_over, web_response
from rtserver.transport.plain_websocket import (
    DeflatedPlainWebSocket,
    PlainSession,
    PlainWebSocket,
)
from rtserver.websocket.handshake import Accepted, accept
from rtserver.websocket.protocol import Connection

__all__ = ["PlainEndpoint", "PlainRoutes"]

SHOWN = 100
"""Characters of a wrong header that the error shows."""


class PlainEndpoint:
    """What a server offers to plain WebSocket clients.

    Args:
        codec: The server's own.
        limits: What a client's message may be at most.
        counters: The server's.
    """

    def __init__(self, codec: Codec, limits: Limits, counters: Counters) -> None:
        forms = (JsonForm(limits), MsgpackForm(limits))
        self.translators = {form.subprotocol: Translator(codec, form, counters) for form in forms}


class PlainRoutes(Entrance):
    """Takes handshakes to sessions.

    Args:
        host: What the sessions share.
        endpoint: What is served.
    """

    __slots__ = ("_endpoint",)

    def __init__(self, host: EngineHost, endpoint: PlainEndpoint) -> None:
        super().__init__(host)
        self._endpoint = endpoint

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve a request: the handler of the endpoint's route."""
        exchange = HttpExchange(request)
        self.begin(exchange)
        try:
            await exchange.wait(request)
            if exchange.switched is not None:
                return await switch_over(request, exchange.switched)
        except ConnectionResetError:
            return takeover.TakenResponse()  # the client has gone
        if exchange.response is None:
            return takeover.TakenResponse()
        return web_response(exchange.response)

    def _begin(self, exchange: Exchange) -> None:
        self._check_origin(exchange)
        subprotocols = tuple(self._endpoint.translators)
        accepted = accept(
            exchange.method,
            exchange.http_version,
            exchange.headers,
            subprotocols=subprotocols,
            deflate=self._host.options.deflate,
        )
        if accepted.subprotocol is None:
            offered = exchange.headers.get("Sec-WebSocket-Protocol")
            raise HandshakeError(
                400,
                f"Sec-WebSocket-Protocol is {'missing' if offered is None else repr(offered[:SHOWN])}, "
                f"expected {' or '.join(subprotocols)}",
            )
        self._admit(exchange, partial(self._open, exchange, accepted, accepted.subprotocol))

    def _open(self, exchange: Exchange, accepted: Accepted, subprotocol: str) -> None:
        host, endpoint = self._host, self._endpoint
        session = PlainSession(
            host,
            host.sessions.new_sid(),
            exchange.handshake(),
            host.sessions.next_ordinal(),
            take=host.packet,
            translator=endpoint.translators[subprotocol],
        )
        core = Connection(host.max_payload, accepted.deflate)  # what is limited are packets, made of messages
        options, parameters = host.options.deflate, accepted.deflate
        if options is None or parameters is None:
            websocket = PlainWebSocket(host, core, session)
        else:
            websocket = DeflatedPlainWebSocket(host, core, session, parameters, options)
        switch = self._switch_to(exchange, websocket, accepted, initial=True)
        session.carry(websocket)
        self._connect(session, Event.OPEN_WEBSOCKET)
        exchange.switch(switch)
