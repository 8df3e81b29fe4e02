"""What every request that may open a session goes through, whichever protocol it is for."""

from __future__ import annotations

import logging
from collections.abc import Callable

from rtserver.engineio.request import closing, forbidden
from rtserver.engineio.session import Event, Session, State
from rtserver.errors import EngineRequestError, HttpError
from rtserver.transport.admission import Admission
from rtserver.transport.engine_host import EngineHost
from rtserver.transport.engine_websocket import EngineWebSocket
from rtserver.transport.exchange import Exchange, HeaderPairs
from rtserver.transport.polling import Polling
from rtserver.transport.switch import Switch
from rtserver.transport.websocket import switch_head
from rtserver.websocket.handshake import Accepted

__all__ = ["Entrance"]

logger = logging.getLogger("rtserver.transport")


class Entrance:
    """Takes requests in, admits them, refuses them.

    Args:
        host: What the sessions share.
    """

    __slots__ = ("_admission", "_host")

    def __init__(self, host: EngineHost) -> None:
        self._host = host
        self._admission = Admission(host.options.allow_request_timeout, self._resume)

    def begin(self, exchange: Exchange) -> Polling | None:
        """Take the head of a request.

        Returns:
            None: The request is answered, or will be.
            Polling: The caller reads the body, and gives it to `end_post` or calls `body_failed`.
        """
        try:
            proxies = self._host.options.proxies
            if proxies is not None:
                proxies.resolve(exchange)
            return self._begin(exchange)
        except Exception as error:  # noqa: BLE001 - logged there
            self._fail(exchange, error)
        return None

    def _begin(self, exchange: Exchange) -> Polling | None:
        """Do what `begin` does; raise to refuse the request."""
        raise NotImplementedError

    def close(self) -> None:
        """Answer the requests that wait for the application: the server ends."""
        self._admission.close()

    def _resume(self, exchange: Exchange, step: Callable[[], None]) -> None:
        """Go on with a request that has waited."""
        try:
            step()
        except Exception as error:  # noqa: BLE001 - logged there
            self._fail(exchange, error)

    def _fail(self, exchange: Exchange, error: Exception) -> None:
        if not isinstance(error, HttpError):
            path = exchange.target.partition("?")[0]  # the query may have a session's id in it, or a token
            logger.exception("a request failed: %s %s", exchange.method, path)
            error = EngineRequestError(3, "Internal error", 500)
        self._refuse(exchange, error)

    def _refuse(self, exchange: Exchange, error: HttpError) -> None:
        # The body of a refused POST isn't read, so nothing can follow it on the connection. The clients of a
        # server that ends are to open another one, which may come to another process.
        close = self._host.is_closing or exchange.method not in {"GET", "OPTIONS"}
        self._host.answer_error(exchange, error, close=close)

    def _check_origin(self, exchange: Exchange) -> None:
        exchange.common_headers = self._host.options.origins.check(
            exchange, lambda: exchange.handshake().environ()
        )

    def _admit(self, exchange: Exchange, open_session: Callable[[], None]) -> None:
        """Call `open_session` if a session may be opened: now, or when the application has decided."""
        if self._host.is_closing:
            raise closing()
        if self._host.gate is not None:
            self._host.gate.ask(exchange.remote[0])
        allow_request = self._host.hooks.allow_request
        if allow_request is None:
            open_session()
        else:
            self._admission.ask(allow_request, exchange, open_session)

    def _hooked(self, exchange: Exchange, headers: HeaderPairs, *, initial: bool) -> HeaderPairs:
        hooks = self._host.hooks
        if hooks.headers or (initial and hooks.initial_headers):
            return hooks.change(headers, exchange.handshake(), initial=initial)
        return headers

    def _switch_to(
        self, exchange: Exchange, websocket: EngineWebSocket, accepted: Accepted, *, initial: bool
    ) -> Switch:
        websocket.pending = []  # collected until the response has been written
        switch = Switch(websocket, switch_head(accepted.response_headers.items()))
        extra = self._hooked(exchange, (), initial=initial)
        return switch.with_headers(extra) if extra else switch

    def _connect(self, session: Session, event: Event) -> None:
        host = self._host
        if host.gate is not None:
            host.gate.enter(session.handshake.remote[0])
        host.sessions.add(session)
        try:
            host.handler.connect(session)
        except HttpError:
            host.counters.sessions_refused += 1
            session.end()
            raise
        except Exception:
            host.counters.handler_errors += 1
            session.end()
            raise
        if session.state is not State.OPENING:  # closed by the handler, in `connect`
            host.counters.sessions_refused += 1
            raise forbidden("the application closed the session")
        session.open(event)
