"""Why a client's connection ended: what a ``disconnect`` handler receives as its second argument.

The five names that ``socketio.AsyncServer.reason`` has carry the same values; the others say what
python-socketio does not tell apart.
"""

from __future__ import annotations

from typing import Final

__all__ = ["Reason", "translate"]


class Reason:
    """Disconnection reasons, as `Server.reason`."""

    SERVER_DISCONNECT: Final = "server disconnect"
    """The application called `disconnect`."""
    CLIENT_DISCONNECT: Final = "client disconnect"
    """The client left the namespace."""
    PING_TIMEOUT: Final = "ping timeout"
    """The client answered no heartbeat in time."""
    TRANSPORT_CLOSE: Final = "transport close"
    """The connection was closed, or lost."""
    TRANSPORT_ERROR: Final = "transport error"
    """The connection failed."""
    PARSE_ERROR: Final = "parse error"
    """The client sent what the protocol doesn't allow."""
    SLOW_CLIENT: Final = "slow client"
    """The client did not read what it was sent, and its outgoing buffer reached the limit."""
    SERVER_SHUTTING_DOWN: Final = "server shutting down"
    """The server stopped."""


_TRANSLATED: Final = {"forced close": Reason.SERVER_DISCONNECT}


def translate(reason: str) -> str:
    """Return the reason that handlers are told for the one that a session closed with."""
    return _TRANSLATED.get(reason, reason)
