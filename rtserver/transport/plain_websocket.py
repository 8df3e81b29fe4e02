"""The connection of a plain WebSocket client: an Engine.IO session's WebSocket that speaks another protocol.

To the layers above the client is a session like any other. Here its messages become packets, and what it
is sent is translated; Engine.IO's ping and pong are those of RFC 6455, 5.5.2.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, cast

from rtserver.engineio.handler import Handshake
from rtserver.engineio.logged import connection_fields, named
from rtserver.engineio.outgoing import Outgoing
from rtserver.engineio.packet import PING
from rtserver.engineio.session import Session, SessionHost, State
from rtserver.errors import PlainViolation
from rtserver.plain.messages import POLICY, PROTOCOL
from rtserver.plain.translator import Recoverable, Translator
from rtserver.socketio.packet import Packet
from rtserver.transport.engine_websocket import DeflatedEngineWebSocket, EngineWebSocket
from rtserver.transport.websocket import OPEN
from rtserver.websocket.frames import CloseCode

__all__ = ["DeflatedPlainWebSocket", "PlainSession", "PlainWebSocket", "TakePacket"]

logger = logging.getLogger("rtserver.plain")

TakePacket = Callable[[Session, Packet], None]
"""Takes a client's packet: the way into the Socket.IO layer for what has been decoded already."""

WEBSOCKET = State.WEBSOCKET

_CLOSINGS: Final[dict[str, tuple[int, str]]] = {
    "parse error": (
        PROTOCOL,
        "not possible now: is the namespace connected, and was it only once?",
    ),
    "connect timeout": (POLICY, 'no namespace was connected in time: send {"type":"connect"} first'),
    "slow client": (CloseCode.TRY_AGAIN_LATER, "messages were not read fast enough"),
}
"""What a client is told where it can do something about it."""


class PlainSession(Session):
    """The session of a plain WebSocket client, which the close frame tells why it ends.

    Args:
        host: What all sessions share.
        sid: The session id.
        handshake: The request that opened the session.
        ordinal: A number that differs from the neighbours', to spread the heartbeats.
        take: Takes the client's packets.
        translator: Makes what the client is sent.
    """

    __slots__ = ("take", "translator")

    def __init__(
        self,
        host: SessionHost,
        sid: str,
        handshake: Handshake,
        ordinal: int = 0,
        *,
        take: TakePacket,
        translator: Translator,
    ) -> None:
        super().__init__(host, sid, handshake, ordinal, protocol=0)
        self.take = take
        self.translator = translator

    def close(self, reason: str = "forced close", *, code: int = CloseCode.NORMAL) -> None:
        """Send what is queued, then close; arguments as of `Session.close`."""
        closing = _CLOSINGS.get(reason)
        if closing is not None and isinstance(self.carrier, PlainWebSocket):
            self.carrier.start_closing(*closing)
        super().close(reason, code=code)


class PlainWebSocket(EngineWebSocket):
    """Carries the messages of a `PlainSession`; arguments as of `EngineWebSocket`."""

    __slots__ = ()

    def data_received(self, data: bytes) -> None:
        """Hand every message that is complete to the Socket.IO layer."""
        if len(data) > self.turn_size:
            data = self.in_turns(data)
        session = self.session
        core = self.core
        messages: list[str | bytes] = core.receive(data)
        if session is not None:
            try:
                for message in messages:
                    if session.state is WEBSOCKET:
                        self._receive(message)
            except Exception:  # noqa: BLE001 - logged there
                session.handler_failed()
            if self.host.limiter is not None:
                self.host.limiter.admit(session, [], len(data))  # the next packet pays for these
            if core.pong is not None:
                core.pong = None
                session.receive("3")
        if core.output or core.state is not OPEN:
            self.service()

    def _receive(self, message: str | bytes) -> None:
        session = cast(PlainSession, self.session)
        try:
            packet = session.translator.form.decode(message)
        except PlainViolation as violation:
            session.host.counters.bad_packets += 1
            logger.warning("%s: %s", named(session), violation, extra=connection_fields(session))
            self.start_closing(violation.code, violation.reason)
            session.fail("parse error")
            return
        if packet is None:
            super().send_outgoing(session.translator.form.pong)
        elif self.host.limiter is None or self.host.limiter.admit(session, [packet], 0):
            session.take(session, packet)

    def send_text(self, packet: bytes) -> None:
        """Send what one text packet says, with the others of this turn."""
        if packet == PING:
            self.core.ping()
            self.send_frame(self.core.take_output())
            return
        session = cast(PlainSession, self.session)
        message = session.translator.translate(Outgoing(packet))
        if message.__class__ is Recoverable:
            session.translator = session.translator.recoverable
        if message.text:
            super().send_text(message.text)
        else:
            super().send_outgoing(message)

    def send_outgoing(self, outgoing: Outgoing) -> None:
        """Send one message, translated and encoded once for all its recipients."""
        session = cast(PlainSession, self.session)
        message = outgoing.form(session.translator.translate)
        if message.__class__ is Recoverable:
            session.translator = session.translator.recoverable
        super().send_outgoing(message)


class DeflatedPlainWebSocket(PlainWebSocket, DeflatedEngineWebSocket):
    """The same where permessage-deflate was agreed on; arguments as of `DeflatedEngineWebSocket`."""

    __slots__ = ()
