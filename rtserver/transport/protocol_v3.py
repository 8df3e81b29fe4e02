"""What version 3 of Engine.IO decides about a session: for clients of Socket.IO 2.x.

b64=1   the client wants base64 instead of bytes
j=<n>   it polls by JSONP, and its function has this number
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from rtserver.engineio.handler import Handshake
from rtserver.engineio.session import Session
from rtserver.engineio.session_v3 import SessionV3
from rtserver.transport.engine_websocket import EngineWebSocket
from rtserver.transport.engine_websocket_v3 import DeflatedEngineWebSocketV3, EngineWebSocketV3
from rtserver.transport.exchange import Exchange
from rtserver.transport.jsonp import JsonpPolling
from rtserver.transport.polling import Polling
from rtserver.transport.polling_v3 import PollingV3
from rtserver.transport.protocol_v4 import ProtocolV4
from rtserver.websocket.deflate import DeflateParameters

__all__ = ["ProtocolV3"]


class ProtocolV3(ProtocolV4):
    """Makes the sessions of old clients, and what carries their packets."""

    __slots__ = ()

    def settings(self) -> dict[str, Any]:
        """Return what a client is told beside its session id: Engine.IO v3, "Protocol", "open"."""
        settings = super().settings()
        del settings["maxPayload"]
        return settings

    def session(self, handshake: Handshake) -> Session:
        """Make a session."""
        options = self._host.options
        patience = options.ping_interval_advertised + options.ping_timeout
        return SessionV3(self._host, self._host.sessions.new_sid(), handshake, patience)

    def polling(self, exchange: Exchange, session: Session) -> Polling:
        """Make what carries a session whose client polls.

        Raises:
            EngineRequestError: The client asks for JSONP, with a number that is none, or from a page whose
                origin isn't allowed.
        """
        query = _query(exchange)
        if "j" not in query:
            return PollingV3(self._host, session, takes_binary="b64" not in query)
        self._host.options.origins.check_script(exchange, session.handshake.environ)
        return JsonpPolling(self._host, session, query["j"][0])

    def websocket(
        self, exchange: Exchange, session: Session, parameters: DeflateParameters | None
    ) -> EngineWebSocket:
        """Make what carries a session over a WebSocket."""
        host = self._host
        options = host.options.deflate
        core = host.connection(session, parameters)
        takes_binary = "b64" not in _query(exchange)
        if options is None or parameters is None:
            return EngineWebSocketV3(host, core, session, takes_binary=takes_binary)
        return DeflatedEngineWebSocketV3(host, core, session, parameters, options, takes_binary=takes_binary)


def _query(exchange: Exchange) -> dict[str, list[str]]:
    return parse_qs(exchange.target.partition("?")[2], keep_blank_values=True)
