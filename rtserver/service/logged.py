"""What the service's log lines tell of a client, in fields of their own."""

from __future__ import annotations

from rtserver.server.interface.socket import Socket

__all__ = ["socket_fields"]


def socket_fields(socket: Socket) -> dict[str, object]:
    """Return the ``extra`` of a line about a client."""
    return {"client": socket.id, "namespace": socket.namespace, "address": socket.handshake.address}
