"""What a request of a client means: the one place that decides, whoever parsed the request."""

from __future__ import annotations

from functools import partial
from typing import cast

from rtserver.engineio.request import (
    Query,
    bad_request,
    busy,
    check_handshake,
    check_transport,
    check_use,
    parse_query,
    unknown_session,
)
from rtserver.engineio.session import Event, Session, State
from rtserver.errors import EngineRequestError
from rtserver.transport import upgrade
from rtserver.transport.engine_host import EngineHost
from rtserver.transport.entrance import Entrance
from rtserver.transport.exchange import Exchange, Response
from rtserver.transport.handover.sender import Outcome
from rtserver.transport.polling import Polling
from rtserver.transport.protocol_v3 import ProtocolV3
from rtserver.transport.protocol_v4 import ProtocolV4
from rtserver.transport.switch import Switch
from rtserver.websocket.handshake import accept

__all__ = ["Routes"]


class Routes(Entrance):
    """Takes requests to sessions.

    Args:
        host: What the sessions share.
    """

    __slots__ = ("_protocols",)

    def __init__(self, host: EngineHost) -> None:
        super().__init__(host)
        self._protocols = {3: ProtocolV3(host), 4: ProtocolV4(host)}

    def body_failed(self, exchange: Exchange, polling: Polling) -> None:
        """The body of a POST is larger than what is accepted: its packets are lost, so the session ends."""
        polling.posting = exchange.holder = None
        if polling.session is not None:
            polling.session.fail("transport error")
        self.body_refused(exchange)

    def body_refused(self, exchange: Exchange) -> None:
        """The body of a POST is larger than what is accepted; its session is that of another process."""
        self._host.counters.payloads_refused += 1
        self._refuse(exchange, self._too_large(None))

    def body_broken(self, exchange: Exchange, is_gone: bool, error: Exception) -> None:
        """The body of a POST never came whole: its packets are lost, so the session ends."""
        exchange.lost()
        if not is_gone:
            self._refuse(exchange, bad_request(f"the body can't be read: {type(error).__name__}"))

    def _too_large(self, size: int | None) -> EngineRequestError:
        received = "a body" if size is None else f"a body of {size} bytes"
        limit = self._host.max_payload
        return EngineRequestError(3, f"Bad request: received {received}, expected at most {limit}", 413)

    def _begin(self, exchange: Exchange) -> Polling | None:
        self._check_origin(exchange)
        if exchange.method == "OPTIONS":
            exchange.answer(Response(200, (("Content-Type", "text/plain"), *exchange.common_headers), b""))
            return None
        query = parse_query(exchange.target)
        transport = check_transport(query, self._host.options.transports)
        if transport == "websocket" and not exchange.headers.get("Upgrade"):
            raise bad_request(
                "transport=websocket needs a WebSocket handshake, which has an Upgrade header",
                name="TRANSPORT_HANDSHAKE_ERROR",
            )
        if query.sid is not None:
            return self._existing(exchange, query, query.sid)
        if self._host.is_closing and self._pass_on(exchange):
            return None
        protocol = self._protocols[check_handshake(query, exchange.method, self._host.options.protocols)]
        open_session = self._open_websocket if transport == "websocket" else self._open_polling
        self._admit(exchange, partial(open_session, exchange, protocol))
        return None

    # A session that exists.

    def _existing(self, exchange: Exchange, query: Query, sid: str) -> Polling | None:
        session = self._host.sessions.get(sid)
        if session is not None and session.is_overdue():
            session.fail("ping timeout", 1001)
            session = None
        if session is None:
            self._elsewhere(exchange, sid)
            return None
        if not session.protocol:
            raise unknown_session(sid)
        if query.transport == "websocket":
            self._upgrade(exchange, session)
            return None
        check_use(query, exchange.method, session.transport_name)
        hooks = self._host.hooks
        if hooks.headers:
            exchange.common_headers = hooks.change(
                exchange.common_headers, exchange.handshake(), initial=False
            )
        polling = cast(Polling, session.carrier)
        if exchange.method == "GET":
            polling.poll(exchange)
            return None
        if session.state is State.CLOSING:
            raise unknown_session(sid)
        length = exchange.headers.get("Content-Length")
        if length is not None and int(length) > self._host.max_payload:
            self._host.counters.payloads_refused += 1
            session.fail("transport error")
            raise self._too_large(int(length))
        polling.begin_post(exchange)
        return polling

    def _elsewhere(self, exchange: Exchange, sid: str) -> None:
        """Let the process that has the session serve the connection."""
        neighbours = self._host.neighbours
        neighbour = neighbours.find(sid) if neighbours is not None else None
        outcome = exchange.move(neighbour) if neighbour is not None else Outcome.GONE
        if outcome is Outcome.GONE:
            raise unknown_session(sid)
        if outcome is Outcome.FULL:
            raise busy()

    def _pass_on(self, exchange: Exchange) -> bool:
        """Let a process that goes on open the session; return False where there is none."""
        neighbours = self._host.neighbours
        heir = neighbours.heir() if neighbours is not None else None
        return heir is not None and exchange.move(heir) is Outcome.SENT

    def _upgrade(self, exchange: Exchange, session: Session) -> None:
        host = self._host
        if not host.options.allow_upgrades:
            raise bad_request("upgrades are switched off, go on polling")
        switch = self._switch(exchange, session, initial=False)
        websocket = switch.websocket
        if session.state is State.POLLING:
            upgrade.begin(websocket, session, host.upgrade_timeout)
        else:
            # Engine.IO v4, "WebSocket": "A client MUST NOT open more than one WebSocket connection per
            # session. Should it happen, the server MUST close the WebSocket connection."
            websocket.close(1008, "the session has a WebSocket already")
        exchange.switch(switch)

    def _switch(self, exchange: Exchange, session: Session, *, initial: bool) -> Switch:
        host = self._host
        accepted = accept(
            exchange.method, exchange.http_version, exchange.headers, deflate=host.options.deflate
        )
        websocket = self._protocols[session.protocol].websocket(exchange, session, accepted.deflate)
        return self._switch_to(exchange, websocket, accepted, initial=initial)

    # A new session.

    def _open_polling(self, exchange: Exchange, protocol: ProtocolV4) -> None:
        host = self._host
        session = protocol.session(exchange.handshake())
        polling = protocol.polling(exchange, session)
        session.carry(polling)
        upgrades = '"websocket"' if host.options.allow_upgrades else ""
        polling.send_text(protocol.open_packet(session.sid, upgrades))
        headers = exchange.common_headers
        if host.options.cookie is not None:
            headers += (("Set-Cookie", host.options.cookie(session.sid)),)
        headers = self._hooked(exchange, headers, initial=True)
        self._connect(session, Event.OPEN_POLLING)
        exchange.common_headers = headers
        polling.open(exchange)

    def _open_websocket(self, exchange: Exchange, protocol: ProtocolV4) -> None:
        session = protocol.session(exchange.handshake())
        switch = self._switch(exchange, session, initial=True)
        session.carry(switch.websocket)
        switch.websocket.send_text(protocol.open_packet(session.sid, ""))
        self._connect(session, Event.OPEN_WEBSOCKET)
        exchange.switch(switch)
