"""The upgrade of a session from polling to WebSocket (Engine.IO v4, "Upgrade").

    client                                    server
      GET ...&transport=websocket&sid=...  ─▶   State.UPGRADING
      2probe  ─▶                                State.PROBED: 3probe; a held poll is answered at once
      5       ─▶                                State.WEBSOCKET: what was queued for polling goes first

Until the last step polling goes on as before, so a WebSocket that fails costs nothing. The client holds
back what it would send from the probe's answer until its ``5``: no packet of either side can overtake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rtserver.engineio.packet import PONG_PROBE
from rtserver.engineio.session import Session
from rtserver.errors import EngineViolation

if TYPE_CHECKING:
    from rtserver.transport.engine_websocket import EngineWebSocket
    from rtserver.transport.polling import Polling

__all__ = ["begin", "receive"]


def begin(websocket: EngineWebSocket, session: Session, timeout: float) -> None:
    """Start an upgrade, which the client must complete in time.

    Args:
        websocket: The connection that the client has opened.
        session: Its session.
        timeout: Seconds until the WebSocket is closed and the session goes on polling.

    Raises:
        EngineViolation: The session has a WebSocket already.
    """
    session.begin_upgrade(websocket)

    def expire() -> None:
        session.abandon_upgrade()
        websocket.close(1008, "the upgrade took too long")

    websocket.call_later(timeout, expire)


def receive(websocket: EngineWebSocket, session: Session, packet: str | bytes) -> None:
    """Take a packet from a WebSocket that its session isn't carried by yet.

    Raises:
        EngineViolation: It isn't the one that the upgrade needs next.
    """
    polling = cast("Polling", session.carrier)
    if packet == "2probe":
        session.probed()
        websocket.send_text(PONG_PROBE)
        polling.stop_holding()
    elif packet == "5" and not polling.is_handing_over:
        session.upgraded()
        websocket.cancel_call()
        if polling.read_paused:
            websocket.pause_reading()
        was_congested = polling.congested
        for item in polling.retire():
            if isinstance(item, bytes):
                websocket.send_text(item)
            else:
                websocket.send_outgoing(item)
        if was_congested and not websocket.congested:
            session.drained()
    else:
        raise EngineViolation(
            f"{packet[:20]!r} during an upgrade: 2probe was expected, then 5 when the last POST is answered"
        )
