"""What an application chooses about connection state recovery, and which clients it is for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rtserver.engineio.handler import Handshake

__all__ = ["ConnectionStateRecovery", "can_recover"]

PYTHON_CLIENTS = ("aiohttp/", "python-requests/", "websocket-client")
"""What the names of the HTTP libraries under python-socketio's clients contain."""


def can_recover(handshake: Handshake) -> bool:
    """Tell whether a client is likely to know what an offset is: any but python-socketio's.

    A client that can recover gets one more argument with each event, its offset. The official client
    has no use for another argument than its handlers name; a Python function that is called with one too
    many fails. python-socketio's clients are known by their ``User-Agent``, and the synchronous one on a
    WebSocket by having none beside an ``Origin``, which every browser sends together. A client that
    hides behind a name of its own is not recognised. A plain WebSocket client is told the offset beside
    the arguments, and may be of any kind.
    """
    if "rtserver." in (handshake.header("sec-websocket-protocol") or ""):
        return True
    agent = handshake.header("user-agent")
    if agent is None:
        return handshake.header("origin") is None
    agent = agent.lower()
    return not any(name in agent for name in PYTHON_CLIENTS)


@dataclass(frozen=True, slots=True)
class ConnectionStateRecovery:
    """For how long, and how much of, what clients miss is kept for them.

    Args:
        max_disconnection_duration: Seconds in which a client must be back.
        skip_middlewares: Whether a client that is back is admitted without asking the middleware again.
        max_packets: Events that are kept at most, for all clients together. The oldest is forgotten first.
        max_bytes: Bytes that those events may have together, encoded.
        max_sessions: Clients that may be away at one time. Who is away longest is forgotten first.
        clients: Tells from the request that a client came with whether it can recover.

    Raises:
        ValueError: A number is not positive.
    """

    max_disconnection_duration: float = 120.0
    skip_middlewares: bool = True
    max_packets: int = 100_000
    max_bytes: int = 64 * 1024 * 1024
    max_sessions: int = 100_000
    clients: Callable[[Handshake], bool] = can_recover

    def __post_init__(self) -> None:  # noqa: D105
        for name in ("max_disconnection_duration", "max_packets", "max_bytes", "max_sessions"):
            value = getattr(self, name)
            if value <= 0:
                raise ValueError(f"{name}: received {value!r}, expected a number greater than 0")
