"""One client's session: one state, one table of what may follow what.

A session outlives its transport: it begins on polling and may go over to a WebSocket. What carries its
packets is a `Carrier`; the session decides what a packet means now, keeps the heartbeat, and tells the
handler. All that changes the state goes through `TRANSITIONS`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Protocol

from rtserver.clock import RESOLUTION, Clock, Timer
from rtserver.engineio.counters import Counters
from rtserver.engineio.handler import EngineHandler, Handshake
from rtserver.engineio.logged import connection_fields, named
from rtserver.engineio.outgoing import Outgoing
from rtserver.engineio.packet import MESSAGE, PING
from rtserver.errors import EngineViolation

__all__ = ["TRANSITIONS", "Carrier", "Event", "Session", "SessionHost", "State"]

logger = logging.getLogger("rtserver.engineio")

EARLIEST_PING = 0.8
"""The first ping comes after this part of the interval or later: clients which came at once spread."""
SPREAD = 0.618034
"""The golden ratio: multiples of it, modulo 1, are spread evenly however many there are."""


class State(IntEnum):
    """Where a session is."""

    OPENING = 0
    """The handler hasn't taken it yet."""
    POLLING = 1
    UPGRADING = 2
    """Polling, and a WebSocket has been opened beside it."""
    PROBED = 3
    """Polling, and the probe has been answered: the client will send ``upgrade``."""
    WEBSOCKET = 4
    CLOSING = 5
    """Over for the handler; a polling client may still fetch what is queued."""
    CLOSED = 6


class Event(IntEnum):
    """What can happen to a session."""

    OPEN_POLLING = 0
    OPEN_WEBSOCKET = 1
    BEGIN_UPGRADE = 2
    PROBE = 3
    UPGRADE = 4
    ABANDON_UPGRADE = 5
    CLOSE = 6
    """The server closes in good order."""
    END = 7
    """The transport is gone, or nothing more is to be sent."""


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.OPENING, Event.OPEN_POLLING): State.POLLING,
    (State.OPENING, Event.OPEN_WEBSOCKET): State.WEBSOCKET,
    (State.OPENING, Event.END): State.CLOSED,
    (State.POLLING, Event.BEGIN_UPGRADE): State.UPGRADING,
    (State.POLLING, Event.CLOSE): State.CLOSING,
    (State.POLLING, Event.END): State.CLOSED,
    (State.UPGRADING, Event.PROBE): State.PROBED,
    (State.UPGRADING, Event.ABANDON_UPGRADE): State.POLLING,
    (State.UPGRADING, Event.CLOSE): State.CLOSING,
    (State.UPGRADING, Event.END): State.CLOSED,
    (State.PROBED, Event.UPGRADE): State.WEBSOCKET,
    (State.PROBED, Event.ABANDON_UPGRADE): State.POLLING,
    (State.PROBED, Event.CLOSE): State.CLOSING,
    (State.PROBED, Event.END): State.CLOSED,
    (State.WEBSOCKET, Event.CLOSE): State.CLOSING,
    (State.WEBSOCKET, Event.END): State.CLOSED,
    (State.CLOSING, Event.END): State.CLOSED,
}
"""The whole life of a session. What isn't here can't happen, or is refused."""

_CLOSING = State.CLOSING


class Carrier(Protocol):
    """What carries a session's packets: a WebSocket, or the requests of a polling client."""

    name: str

    @property
    def buffered(self) -> int:
        """Bytes that wait to be sent."""

    @property
    def writable(self) -> bool:
        """True when a packet would leave at once: nothing that was sent before is still here."""

    @property
    def congested(self) -> bool:
        """True while more waits than is good: from then on `Session.drained` is due."""

    def send_text(self, packet: bytes, /) -> None:
        """Send one text packet."""

    def send_outgoing(self, outgoing: Outgoing, /) -> None:
        """Send the packets of one message."""

    def close(self, code: int, reason: str) -> bool:
        """Send what is queued and a good-bye, and let go of the session.

        Returns:
            False when both must wait for the client's next poll.
        """

    def release(self) -> None:
        """Let go of the session and, in good order, of the connection: the client has said good-bye."""

    def abort(self) -> None:
        """Let go of the session, the connection and everything queued, at once."""

    def pause_reading(self) -> None:
        """Take nothing more from the client."""

    def resume_reading(self) -> None:
        """Take from the client again."""


class SessionHost(Protocol):
    """What all sessions of a server share."""

    handler: EngineHandler
    clock: Clock
    counters: Counters
    ping_interval: float
    ping_timeout: float
    close_timeout: float

    def forget(self, session: Session) -> None:
        """Take a closed session out of the registry."""


class Session:
    """One client.

    Args:
        host: What all sessions share.
        sid: The session id.
        handshake: The request that opened the session.
        ordinal: A number that differs from the neighbours', to spread the heartbeats.
        protocol: The version of Engine.IO that the client speaks; 0 for another protocol.
    """

    __slots__ = (
        "_awaits_pong",
        "_is_unread",
        "_pinged",
        "_timer",
        "carrier",
        "context",
        "handshake",
        "host",
        "polled",
        "probe",
        "protocol",
        "send_outgoing",
        "send_text",
        "sid",
        "state",
    )

    def __init__(
        self, host: SessionHost, sid: str, handshake: Handshake, ordinal: int = 0, protocol: int = 4
    ) -> None:
        self.host = host
        self.sid = sid
        self.handshake = handshake
        self.protocol = protocol
        self.context: Any = None
        self.state = State.OPENING
        self.carrier: Carrier | None = None
        self.probe: Carrier | None = None
        """The WebSocket that an upgrade is under way to."""
        self.send_text: Callable[[bytes], None] = discard
        """Send one whole text packet, type character included: the carrier's own method."""
        self.send_outgoing: Callable[[Outgoing], None] = discard
        """Send a message that may go to many sessions: the carrier's own method."""
        self._timer = Timer(host.clock, self._beat)
        self._awaits_pong = False
        self._is_unread = False
        """True while nothing is taken from the client: what it answers isn't heard."""
        self.polled = False
        """True when a GET has come since the last ping: all that is heard of an unread client that polls."""
        phase = EARLIEST_PING + (1 - EARLIEST_PING) * ((ordinal * SPREAD) % 1)
        self._pinged = host.clock.now() - host.ping_interval * (1 - phase)
        """When the last ping was due; each is due one interval behind the one before."""

    # What the handler uses.

    @property
    def transport_name(self) -> str:
        """``"polling"`` or ``"websocket"``."""
        return self.carrier.name if self.carrier is not None else "polling"

    @property
    def is_open(self) -> bool:
        """False from the moment that the session closes."""
        return self.state < _CLOSING

    @property
    def buffered(self) -> int:
        """Bytes not yet taken by the kernel or by a poll."""
        return self.carrier.buffered if self.carrier is not None else 0

    @property
    def writable(self) -> bool:
        """True when a packet sent now would leave at once: what a volatile event asks."""
        return self.carrier is not None and self.is_open and self.carrier.writable

    @property
    def congested(self) -> bool:
        """True while the client is slow: its transport pushes back, and `drained` is due when it doesn't."""
        return self.carrier is not None and self.carrier.congested

    def send(self, message: str | bytes) -> None:
        """Send a message packet with this content."""
        if isinstance(message, str):
            self.send_text(MESSAGE + message.encode())
        else:
            self.send_outgoing(Outgoing(b"", (message,)))

    def close(self, reason: str = "forced close", *, code: int = 1000) -> None:
        """Send what is queued, then close. The handler's `disconnect` is called before this returns.

        Args:
            reason: What the handler's `disconnect` gets.
            code: The close code for a WebSocket client (RFC 6455, 7.4.1).
        """
        carrier = self.carrier
        if self.state >= _CLOSING:
            return
        if self.state is State.OPENING or carrier is None:  # the handler closes it in its own `connect`
            self.end()
            return
        self._move(Event.CLOSE)
        self._drop_probe()
        self._timer.cancel()
        self.send_text = self.send_outgoing = discard
        if carrier.close(code, "" if code == 1000 else reason):
            self.end()
        else:
            self._timer.callback = self.end
            self._timer.set(self.host.close_timeout)
        self._tell_disconnect(reason)

    def pause_reading(self) -> None:
        """Take nothing more from the client, for as long as the handler is behind."""
        if self.carrier is not None:
            self._is_unread = True
            self.carrier.pause_reading()

    def resume_reading(self) -> None:
        """Take from the client again."""
        if self.carrier is not None:
            self._is_unread = False
            self._heard()
            self.carrier.resume_reading()

    # What the transports use.

    def carry(self, carrier: Carrier) -> None:
        """Send packets by `carrier` from now on."""
        self.carrier = carrier
        self.send_text = carrier.send_text
        self.send_outgoing = carrier.send_outgoing

    def open(self, event: Event) -> None:
        """Begin, once the handler has taken the session: start the heartbeat.

        Args:
            event: `Event.OPEN_POLLING` or `Event.OPEN_WEBSOCKET`.
        """
        self._move(event)
        self.host.counters.sessions_opened += 1
        self._timer.set(self._pinged + self.host.ping_interval - self.host.clock.now())

    def begin_upgrade(self, probe: Carrier) -> None:
        """A WebSocket has been opened for this session.

        Raises:
            EngineViolation: The session has one already, or doesn't poll.
        """
        self._move(Event.BEGIN_UPGRADE)
        self.probe = probe

    def probed(self) -> None:
        """The probe has come: from here on no poll is held.

        Raises:
            EngineViolation: It has come before.
        """
        self._move(Event.PROBE)

    def upgraded(self) -> Carrier:
        """Go over to the WebSocket, and return the polling carrier, whose queue is yet to be sent.

        Raises:
            EngineViolation: There was no probe before.
        """
        self._move(Event.UPGRADE)
        polling, probe = self.carrier, self.probe
        assert polling is not None
        assert probe is not None
        self.probe = None
        self.carry(probe)
        self.host.counters.upgrades += 1
        return polling

    def abandon_upgrade(self) -> None:
        """Go on polling: the WebSocket failed, or took too long. A no-op without an upgrade under way."""
        if self.probe is not None:
            self.probe = None
            self._move(Event.ABANDON_UPGRADE)
            self.host.counters.upgrades_failed += 1

    def receive(self, packet: str | bytes) -> None:
        """Take one packet from the session's carrier. Ignored once the session is closing.

        Raises:
            EngineViolation: The packet isn't allowed here.
        """
        if self.state >= _CLOSING:
            return
        if isinstance(packet, bytes):
            self.host.handler.message(self, packet)
            return
        kind = packet[:1]
        if kind == "4":
            self.host.handler.message(self, packet[1:])
        elif kind == "3":
            self._awaits_pong = False
        elif kind == "1":
            self._leave()
        elif kind != "6":
            raise EngineViolation(
                f"a packet that a client can't send now: received {packet[:20]!r}, "
                "expected a message, a pong or a close"
            )

    def lose(self, reason: str) -> None:
        """End without a good-bye: the client has gone, or can't be talked to."""
        is_connected = State.OPENING < self.state < _CLOSING
        carrier = self.carrier
        self.end()
        if carrier is not None:
            carrier.abort()
        if is_connected:
            self._tell_disconnect(reason)

    def fail(self, reason: str, code: int = 1002) -> None:
        """End with a good-bye: the client broke the protocol, or fell silent.

        Args:
            reason: What the handler's `disconnect` gets.
            code: The close code for a WebSocket client.
        """
        carrier = self.carrier
        if self.state >= _CLOSING or carrier is None:
            return
        self.end()
        carrier.close(code, reason)
        self._tell_disconnect(reason)

    def _leave(self) -> None:
        carrier = self.carrier
        self.end()
        if carrier is not None:
            carrier.release()
        self._tell_disconnect("transport close")

    def drained(self) -> None:
        """Tell the handler that it may go on sending: the carrier was congested, and isn't any more."""
        if self.is_open:
            try:
                self.host.handler.drain(self)
            except Exception:
                self.host.counters.handler_errors += 1
                logger.exception(
                    "the handler's drain failed (%s)", named(self), extra=connection_fields(self)
                )

    def handler_failed(self) -> None:
        """End because the handler's `message` raised: call from the ``except`` block."""
        self.host.counters.handler_errors += 1
        self._log_failure("message")
        self.fail("server error", 1011)

    def end(self) -> None:
        """Let go of everything: nothing more will be sent. A no-op once closed."""
        if self.state is State.CLOSED:
            return
        self._move(Event.END)
        self._drop_probe()
        self._timer.cancel()
        self.carrier = None
        self.send_text = self.send_outgoing = discard
        self.host.forget(self)

    def is_overdue(self) -> bool:
        """Tell whether the answer to the last ping is late, though the timer may not have seen it yet."""
        return (
            self._awaits_pong
            and not self._is_unread
            and self.host.clock.now() >= self._pinged + self.host.ping_timeout
        )

    # The heartbeat: one timer, which a pong doesn't touch.

    def _heard(self) -> None:
        """Take the client for alive: its pong may be there, behind what the handler has no time for."""
        self._awaits_pong = False

    def _may_be_there(self) -> bool:
        """Tell whether an unread client is alive, as far as can be known.

        TCP ends a WebSocket whose client has gone. One that polls has answered a ping when it polls again.
        """
        return self.polled or self.state is not State.POLLING

    def _beat(self) -> None:
        host = self.host
        now = host.clock.now()
        if self._is_unread and self._may_be_there():
            self._heard()
        if self._awaits_pong:
            due = self._pinged + host.ping_timeout
            if now >= due:
                self.fail("ping timeout", 1001)
                return
        else:
            due = self._pinged + host.ping_interval
            if now >= due:
                # After a late pong the ping is late too, and the client's time counts from there.
                tolerance = max(host.ping_timeout / 10, 2 * RESOLUTION)
                self._pinged = due if now < due + tolerance else now
                self._awaits_pong = True
                self.polled = False
                # The next ping must not wait for a time-out that is longer than the interval.
                due = self._pinged + min(host.ping_timeout, host.ping_interval)
                self.send_text(PING)
        if self.is_open:  # the ping may have been too much
            self._timer.set(due - now)

    # Inside.

    def _move(self, event: Event) -> None:
        state = TRANSITIONS.get((self.state, event))
        if state is None:
            raise EngineViolation(f"{event.name} isn't possible in state {self.state.name}")
        self.state = state

    def _log_failure(self, callback: str) -> None:
        logger.exception("the handler's %s failed (%s)", callback, named(self), extra=connection_fields(self))

    def _drop_probe(self) -> None:
        probe = self.probe
        if probe is not None:
            self.probe = None
            probe.close(1000, "")

    def _tell_disconnect(self, reason: str) -> None:
        counters = self.host.counters
        counters.sessions_closed[reason] += 1
        try:
            self.host.handler.disconnect(self, reason)
        except Exception:
            counters.handler_errors += 1
            logger.exception(
                "the handler's disconnect failed (%s)", named(self), extra=connection_fields(self)
            )


def discard(packet: Any, /) -> None:
    """Send nothing: what a session that isn't open does with a packet."""
