"""What a version of Engine.IO decides about a session, once, when it is opened: here, version 4."""

from __future__ import annotations

import json
from typing import Any

from rtserver.engineio.handler import Handshake
from rtserver.engineio.session import Session
from rtserver.transport.engine_host import EngineHost
from rtserver.transport.engine_websocket import DeflatedEngineWebSocket, EngineWebSocket
from rtserver.transport.exchange import Exchange
from rtserver.transport.polling import Polling
from rtserver.websocket.deflate import DeflateParameters

__all__ = ["ProtocolV4"]


class ProtocolV4:
    """Makes the sessions of one version, and what carries their packets.

    Args:
        host: What the sessions share.
    """

    __slots__ = ("_host", "_settings")

    def __init__(self, host: EngineHost) -> None:
        self._host = host
        self._settings = json.dumps(self.settings(), separators=(",", ":"))[1:-1]

    def settings(self) -> dict[str, Any]:
        """Return what a client is told beside its session id: Engine.IO v4, "Handshake"."""
        options = self._host.options
        return {
            "pingInterval": int(options.ping_interval_advertised * 1000),  # milliseconds
            "pingTimeout": int(options.ping_timeout * 1000),
            "maxPayload": options.max_payload,
        }

    def open_packet(self, sid: str, upgrades: str) -> bytes:
        """Encode the first packet of a session."""
        return f'0{{"sid":"{sid}","upgrades":[{upgrades}],{self._settings}}}'.encode()

    def session(self, handshake: Handshake) -> Session:
        """Make a session."""
        return Session(
            self._host, self._host.sessions.new_sid(), handshake, self._host.sessions.next_ordinal()
        )

    def polling(self, exchange: Exchange, session: Session) -> Polling:
        """Make what carries a session whose client polls.

        Args:
            exchange: The request that opens the session.
            session: The session.

        Raises:
            EngineRequestError: The request asks for what can't be done.
        """
        return Polling(self._host, session)

    def websocket(
        self, exchange: Exchange, session: Session, parameters: DeflateParameters | None
    ) -> EngineWebSocket:
        """Make what carries a session over a WebSocket.

        Args:
            exchange: The opening handshake.
            session: The session.
            parameters: What was agreed on about compression.
        """
        host = self._host
        options = host.options.deflate
        core = host.connection(session, parameters)
        if options is None or parameters is None:
            return EngineWebSocket(host, core, session)
        return DeflatedEngineWebSocket(host, core, session, parameters, options)
