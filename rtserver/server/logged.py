"""What log lines tell of a client, in fields of their own."""

from __future__ import annotations

from rtserver.engineio.logged import connection_fields
from rtserver.server.client import Client
from rtserver.server.socket import Socket

__all__ = ["client_fields", "clients_fields"]


def client_fields(socket: Socket, **more: object) -> dict[str, object]:
    """Return the ``extra`` of a line about a client in a namespace.

    Args:
        socket: The client.
        more: Further fields, such as ``event``.
    """
    return {
        **connection_fields(socket.client.session),
        "client": socket.sid,
        "namespace": socket.namespace.name,
        **more,
    }


def clients_fields(client: Client) -> dict[str, object]:
    """Return the ``extra`` of a line about a client in all its namespaces: it is in one, mostly."""
    sockets = client.sockets() or [each for each in (client.connecting or {}).values() if each is not None]
    return client_fields(sockets[0]) if len(sockets) == 1 else connection_fields(client.session)
