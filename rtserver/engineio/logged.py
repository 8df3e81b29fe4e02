"""What log lines tell of a connection, in fields of their own."""

from __future__ import annotations

from rtserver.engineio.handler import Session
from rtserver.ids import veiled

__all__ = ["connection_fields", "named"]


def named(session: Session) -> str:
    """Name a session in a message. Its own id isn't shown: who knows it can act as the client."""
    return f"connection {veiled(session.sid)}"


def connection_fields(session: Session) -> dict[str, object]:
    """Return the ``extra`` of a line about a session: ``connection``, ``address``."""
    return {"connection": veiled(session.sid), "address": session.handshake.remote[0]}
