"""What Socket.IO v4, the protocol of 2.x clients over Engine.IO v3, has otherwise than v5.

- The server puts a client into the main namespace by itself. Its answer has no payload.
- A client makes its ids up from that of its Engine.IO session: the server must use the same.
- A refusal has the application's data, or else the message, and no object around them.

What such a client sends instead of ``auth``, a query in the namespace, the codec has made the data of its
CONNECT packet.
"""

from __future__ import annotations

from typing import Any

from rtserver.server.client import Client

__all__ = ["MAIN", "connect_payload", "is_old", "refusal", "sid_for"]

MAIN = "/"


def is_old(client: Client) -> bool:
    """Tell whether a client speaks Socket.IO v4."""
    return client.session.protocol == 3


def sid_for(client: Client, namespace: str) -> str:
    """Return the id that an old client has in a namespace, always the same."""
    return client.session.sid if namespace == MAIN else f"{namespace}#{client.session.sid}"


def connect_payload(client: Client, payload: dict[str, Any]) -> dict[str, Any] | None:
    """Return what a client is told when it has joined a namespace."""
    return None if is_old(client) else payload


def refusal(client: Client, error: dict[str, Any]) -> Any:
    """Return what a client is told when it was refused."""
    return (error.get("data") or error["message"]) if is_old(client) else error
