"""The WebSocket of an Engine.IO session: the way of nearly every byte in and out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol

from rtserver.engineio.handler import EngineHandler
from rtserver.engineio.limiter import Limiter
from rtserver.engineio.logged import connection_fields, named
from rtserver.engineio.outgoing import Outgoing
from rtserver.engineio.session import Session, State
from rtserver.errors import EngineViolation
from rtserver.transport import upgrade
from rtserver.transport.reading_turns import COMPRESSED_TURN
from rtserver.transport.traffic import Traffic
from rtserver.transport.websocket import (
    CLOSED,
    FRAMES_PER_TURN,
    LARGE_FRAME,
    OPEN,
    WebSocketHost,
    WebSocketProtocol,
)
from rtserver.websocket.deflate import DeflateOptions, DeflateParameters, Deflater
from rtserver.websocket.frames import Opcode, encode_text
from rtserver.websocket.protocol import Connection

__all__ = ["DeflatedEngineWebSocket", "EngineWebSocket", "EngineWebSocketHost"]

logger = logging.getLogger("rtserver.engineio")

WEBSOCKET = State.WEBSOCKET


class EngineWebSocketHost(WebSocketHost, Protocol):
    """What all sessions of a server share, as their WebSockets see it."""

    handler: EngineHandler
    message: Callable[[Session, str | bytes], None]
    """The handler's own."""
    packet: Callable[[Session, Any], None]
    """The handler's own, for what the core's `decode` made."""
    upgrade_timeout: float
    limiter: Limiter | None
    traffic: Traffic | None


class EngineWebSocket(WebSocketProtocol):
    """Carries a session's packets, one to a frame (Engine.IO v4, "Packet encoding", "WebSocket").

    Args:
        host: What all sessions share.
        core: The protocol's state.
        session: The session that it carries, or is to carry after an upgrade.
    """

    __slots__ = ("session",)

    name = "websocket"
    host: EngineWebSocketHost

    def __init__(self, host: EngineWebSocketHost, core: Connection, session: Session) -> None:
        super().__init__(host, core)
        self.session: Session | None = session

    # The hot path.

    def data_received(self, data: bytes) -> None:  # noqa: PLR0912 - the hot path in one piece
        """Hand every message that is complete to the handler, then write what was sent meanwhile."""
        if len(data) > self.turn_size:
            data = self.in_turns(data)
        session = self.session
        core = self.core
        if session is None:
            core.receive(data)
            self.service()
            return
        sent: list[bytes] = []  # the handler's packets are collected here, and leave in one write
        if self.pending is None:
            self.pending = sent
        elif self.pending.__class__ is bytes:
            self.pending = [self.pending]
        host = self.host
        try:
            for packet in core.receive(data):
                if packet.__class__ is tuple:
                    if session.state is WEBSOCKET:
                        host.packet(session, packet)
                    else:
                        self._receive("4")  # a message all the same: before an upgrade, or after the end
                elif session.state is WEBSOCKET and packet and packet[0] == "4":
                    host.message(session, packet[1:])
                else:
                    self._receive(packet)
        except Exception:  # noqa: BLE001 - logged there
            session.handler_failed()
        if core.output or core.state is not OPEN:
            self.service()
        if self.pending is not sent:
            self.flush()
        elif not self.write_paused:
            self.pending = None
            if sent:
                self.transport.write(sent[0] if len(sent) == 1 else b"".join(sent))  # type: ignore[union-attr]

    def send_text(self, packet: bytes) -> None:
        """Send one text packet with the others of this turn."""
        frame = encode_text(packet)
        pending = self.pending
        if pending is None:
            self.pending = frame
            turn = self.turn
            if not turn.dirty:
                turn.wake()
            turn.dirty.append(self)
        elif pending.__class__ is list and not self.write_paused:
            pending.append(frame)
            if len(pending) > FRAMES_PER_TURN or len(frame) > LARGE_FRAME:
                self.flush()
        else:
            self.send_frame(frame)

    def send_outgoing(self, outgoing: Outgoing) -> None:
        """Send the frames of one message, encoded once for all its recipients."""
        pending = self.pending
        if pending is None:
            self.pending = outgoing.websocket
            turn = self.turn
            dirty = turn.dirty
            if not dirty:
                turn.wake()
            dirty.append(self)
        else:
            self.send_frame(outgoing.websocket)

    # All else.

    def _receive(self, packet: str | bytes) -> None:
        session = self.session
        if session is None:
            return
        try:
            self.take(session, packet)
        except EngineViolation as violation:
            session.host.counters.bad_packets += 1
            logger.warning("%s sent %s", named(session), violation, extra=connection_fields(session))
            if session.carrier is self:
                session.fail("parse error")
            else:
                session.abandon_upgrade()
                self.close(1002, "a probe or an upgrade packet was expected")

    def take(self, session: Session, packet: str | bytes) -> None:
        """Take a packet that is not a message of text.

        Raises:
            EngineViolation: It isn't allowed now.
        """
        if session.carrier is self:
            session.receive(packet)
        else:
            upgrade.receive(self, session, packet)

    def service(self) -> None:
        """Write what the core wants written, and tell the session when the WebSocket has closed."""
        session = self.session
        core = self.core
        if session is not None and core.state is CLOSED:
            violation = core.violation
            if violation is not None:
                session.host.counters.bad_packets += 1
                logger.warning("%s: %s", named(session), violation, extra=connection_fields(session))
            self._part("transport close" if violation is None else "transport error")
        super().service()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell the session that its transport is gone."""
        super().connection_lost(exc)
        self._part("transport close" if exc is None else "transport error")

    def _part(self, reason: str) -> None:
        session = self.session
        if session is not None:
            self.session = None
            if session.carrier is self:
                session.lose(reason)
            else:
                session.abandon_upgrade()

    def overflowed(self) -> None:
        """Disconnect a client that doesn't read, and give the memory back."""
        session = self.session
        if session is None:
            self.drop()
            return
        session.host.counters.slow_clients += 1
        logger.warning(
            "%s doesn't read: %d bytes wait for it, the limit is %d; it is disconnected",
            named(session),
            self.buffered,
            self.host.max_buffer_size,
            extra=connection_fields(session),
        )
        self.drop()
        self._part("slow client")

    def drained(self) -> None:
        """Tell the handler that it may go on sending."""
        session = self.session
        if session is not None and session.carrier is self:
            session.drained()

    # The session's carrier.

    def close(self, code: int, reason: str) -> bool:
        """Send what is queued and a close frame."""
        self.session = None
        self.start_closing(code, reason)
        return True

    def release(self) -> None:
        """Close: the client has said good-bye."""
        self.close(1000, "")

    def abort(self) -> None:
        """End the connection at once."""
        if self.session is not None:
            self.session = None
            self.drop()


class DeflatedEngineWebSocket(EngineWebSocket):
    """The same where permessage-deflate was agreed on (RFC 7692).

    Args:
        host: What all sessions share.
        core: The protocol's state.
        session: The session that it carries, or is to carry after an upgrade.
        parameters: What was agreed on.
        options: How to compress.
    """

    __slots__ = ("_deflater", "_threshold", "_window_bits")

    turn_size = COMPRESSED_TURN

    def __init__(
        self,
        host: EngineWebSocketHost,
        core: Connection,
        session: Session,
        parameters: DeflateParameters,
        options: DeflateOptions,
    ) -> None:
        super().__init__(host, core, session)
        self._deflater = Deflater(parameters, options)
        self._threshold = options.threshold
        self._window_bits = parameters.server_max_window_bits

    def send_text(self, packet: bytes) -> None:
        """Send one text packet, compressed if it is long enough."""
        self.send_frame(self._deflater.encode(Opcode.TEXT, packet))

    def send_outgoing(self, outgoing: Outgoing) -> None:
        """Send the frames of one message, compressed once for all who agreed on the same window."""
        frames = outgoing.deflated(self._window_bits, self._threshold)
        if frames is not outgoing.websocket:
            self._deflater.reset()  # the client's window holds now what this compressor hasn't seen
        self.send_frame(frames)
