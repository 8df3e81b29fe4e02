"""What the sessions of one server share, once its event loop runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from rtserver.clock import Clock
from rtserver.engineio.handler import EngineHandler, PacketHandler
from rtserver.engineio.limiter import Limiter
from rtserver.engineio.request import REASONS, UNKNOWN_SESSION
from rtserver.engineio.session import Session
from rtserver.errors import EngineRequestError, HttpError
from rtserver.transport.answers import TEXT, engine_error, error_response, ok_response, payload_response
from rtserver.transport.exchange import Exchange
from rtserver.transport.gate import Gate
from rtserver.transport.handover.neighbours import Neighbours
from rtserver.transport.hooks import Hooks
from rtserver.transport.limited import LimitedConnection
from rtserver.transport.options import EngineOptions
from rtserver.transport.registry import Registry
from rtserver.transport.traffic import Traffic
from rtserver.transport.turn import WriteTurn
from rtserver.websocket.deflate import DeflateParameters
from rtserver.websocket.protocol import Connection

__all__ = ["EngineHost"]

logger = logging.getLogger("rtserver.transport")


class EngineHost:
    """The host of sessions and their transports: `SessionHost`, `PollingHost` and `WebSocketHost` in one.

    Args:
        loop: The event loop.
        handler: The layer above.
        options: The server's options.
        sessions: The registry.
        hooks: What the application has hooked in.
    """

    __slots__ = (
        "clock",
        "close_timeout",
        "counters",
        "decode",
        "gate",
        "handler",
        "hooks",
        "is_closing",
        "limiter",
        "loop",
        "max_buffer_size",
        "max_payload",
        "message",
        "neighbours",
        "options",
        "packet",
        "ping_interval",
        "ping_timeout",
        "sessions",
        "traffic",
        "turn",
        "upgrade_timeout",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        handler: EngineHandler,
        options: EngineOptions,
        sessions: Registry,
        hooks: Hooks,
    ) -> None:
        self.loop = loop
        self.handler = handler
        self.message: Callable[[Any, str | bytes], None] = handler.message
        self.packet: Callable[[Any, Any], None] = handler.message
        self.decode: Callable[[bytes], Any] = bytes.decode
        if isinstance(handler, PacketHandler):
            self.packet = handler.packet
            self.decode = handler.decode
        self.options = options
        self.sessions = sessions
        self.counters = hooks.counters
        self.hooks = hooks
        self.neighbours: Neighbours | None = None
        """Other processes that have sessions; None without any."""
        self.gate: Gate | None = None
        """Counts those who come in, where that is limited."""
        self.limiter: Limiter | None = None
        """Decides what clients may send, where that is limited."""
        self.traffic: Traffic | None = None
        """Counts the bytes of WebSockets, where that is wanted."""
        self.is_closing = False
        """True once the server ends: no session is opened any more."""
        self.clock = Clock(loop)
        self.turn = WriteTurn(loop)
        self.ping_interval = options.ping_interval
        self.ping_timeout = options.ping_timeout
        self.close_timeout = options.close_timeout
        self.upgrade_timeout = options.upgrade_timeout
        self.max_buffer_size = options.max_buffer_size
        self.max_payload = options.max_payload

    def forget(self, session: Session) -> None:
        """Take a closed session out of the registry."""
        self.sessions.remove(session)
        if self.gate is not None:
            self.gate.leave(session.handshake.remote[0])
        if self.limiter is not None:
            self.limiter.forget(session)

    def connection(self, session: Session, parameters: DeflateParameters | None) -> Connection:
        """Make the WebSocket protocol's state for a session.

        Args:
            session: What it carries, or is to carry.
            parameters: What was agreed on about compression.
        """
        if self.limiter is None:
            return Connection(self.max_payload, parameters, self.decode)
        return LimitedConnection(self.max_payload, parameters, self.decode, session, self.limiter)

    def answer_payload(self, exchange: Exchange, payload: bytes, content_type: str = TEXT) -> None:
        """Answer a GET with packets."""
        options = self.options
        threshold = options.compression_threshold if options.http_compression else None
        exchange.answer(payload_response(exchange, payload, threshold, content_type))

    def answer_ok(self, exchange: Exchange) -> None:
        """Answer a POST whose packets were taken."""
        exchange.answer(ok_response(exchange))

    def answer_error(self, exchange: Exchange, error: HttpError, close: bool = False) -> None:
        """Refuse a request."""
        self.counters.requests_refused += 1
        refusal = engine_error(error)
        if logger.isEnabledFor(logging.DEBUG):
            _log_refused(exchange, refusal)
        if self.hooks.connection_error:
            self.hooks.tell_refused(exchange, refusal)
        exchange.answer(error_response(exchange, refusal, close))


def _log_refused(exchange: Exchange, refusal: EngineRequestError) -> None:
    # The id of a session that isn't known here may be one elsewhere: who knows it can act as the client.
    is_unknown = refusal.code == UNKNOWN_SESSION
    logger.debug(
        "refused a %s request of %s with status %d: %s",
        exchange.method,
        exchange.remote[0],
        refusal.status,
        REASONS[UNKNOWN_SESSION] if is_unknown else refusal.message,
        extra={"address": exchange.remote[0]},
    )
