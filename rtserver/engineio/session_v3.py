"""A session of Engine.IO v3: the same states, and a heartbeat in the other direction.

Engine.IO v3, "Protocol", "ping": the client sends it, and the server answers with a pong. A client that
sends none for the interval and the time-out that it was told has gone.
"""

from __future__ import annotations

from rtserver.engineio.handler import Handshake
from rtserver.engineio.packet import NOOP, PONG
from rtserver.engineio.session import Event, Session, SessionHost, State
from rtserver.errors import EngineViolation

__all__ = ["SessionV3"]


class SessionV3(Session):
    """One old client.

    Args:
        host: What all sessions share.
        sid: The session id.
        handshake: The request that opened the session.
        patience: Seconds from one ping to the next after which the client has gone.
    """

    __slots__ = ("_patience",)

    def __init__(self, host: SessionHost, sid: str, handshake: Handshake, patience: float) -> None:
        super().__init__(host, sid, handshake, protocol=3)
        self._patience = patience

    def open(self, event: Event) -> None:
        """Begin, once the handler has taken the session: the client's time counts from here."""
        self._pinged = self.host.clock.now()
        super().open(event)

    def receive(self, packet: str | bytes) -> None:
        """Take one packet from the session's carrier. Ignored once the session is closing.

        Raises:
            EngineViolation: The packet isn't allowed here.
        """
        kind = packet[:1]
        if kind == "2" and self.is_open:
            self._pinged = self.host.clock.now()
            self.send_text(PONG)
        elif kind == "3" and self.is_open:
            raise EngineViolation("a pong: in version 3 the client sends pings, and the server pongs")
        else:
            super().receive(packet)

    def is_overdue(self) -> bool:
        """Tell whether the client's ping is late, though the timer may not have seen it yet."""
        is_late = self.host.clock.now() >= self._pinged + self._patience
        return is_late and self.is_open and not self._is_unread

    def _heard(self) -> None:
        """Take the client for alive: its ping may be there, behind what the handler has no time for."""
        self._pinged = self.host.clock.now()

    def _beat(self) -> None:
        if self._is_unread and self._may_be_there():
            self._heard()
            if self.state is State.POLLING:  # nothing else may answer a held GET: does another follow?
                self.polled = False
                self.send_text(NOOP)
        left = self._pinged + self._patience - self.host.clock.now()
        if left <= 0:
            self.fail("ping timeout", 1001)
        elif self.is_open:  # what was sent may have been too much
            self._timer.set(left)
