"""What admins are shown of a socket: JSON of limited size, without what would let them act as its client.

Who sees the UI need not be someone who may read cookies and tokens. Headers, parameters and data with such
names are there, and their values are hidden. The session id of the connection is replaced by a number made
from it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import unquote_plus

from rtserver.server.answers import SocketDetails
from rtserver.server.handshake import SocketHandshake
from rtserver.server.namespace import Room
from rtserver.server.socket import Socket

__all__ = [
    "ADMIN",
    "described",
    "described_peer",
    "marked_data",
    "room_name",
    "shown",
    "shown_data",
    "timestamp",
]

ADMIN: Final = "_admin"
"""The key of a socket's data in which servers tell each other what admins are shown besides: as Node's do."""
HIDDEN: Final = "(hidden)"

_PRIVATE: Final = ("authorization", "cookie", "password", "passwd", "secret", "token", "apikey", "credential")
_MAX_DEPTH: Final = 8
_MAX_ITEMS: Final = 100
_MAX_TEXT: Final = 2000
_SAFE_INTEGER: Final = 2**53
"""Beyond it JavaScript rounds."""


def timestamp(seconds: float) -> str:
    """Return a time, in seconds since the epoch, as JavaScript writes it in JSON."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def described(socket: Socket) -> dict[str, Any]:
    """Describe a client of this server."""
    return {
        "id": socket.sid,
        **_mark(socket),
        "nsp": socket.namespace.name,
        "data": shown_data(socket),
        "handshake": _shown_handshake(SocketHandshake.of(socket)),
        "rooms": [room_name(room) for room in socket.namespace.rooms_of(socket)],
    }


def described_peer(namespace: str, details: SocketDetails) -> dict[str, Any]:
    """Describe a client of another server, which may be one of Node's, from what that tells."""
    data = dict(details.data)
    mark = data.pop(ADMIN, None)
    mark = mark if isinstance(mark, Mapping) else {}
    return {
        "id": details.sid,
        # Without an id of its own each socket of a server that isn't instrumented is a client for itself.
        "clientId": room_name(mark.get("clientId") or details.sid),
        "transport": room_name(mark.get("transport") or ""),
        "nsp": namespace,
        "data": shown(data),
        "handshake": _shown_handshake(SocketHandshake.from_peer(details.handshake)),
        "rooms": [room_name(room) for room in details.rooms],
    }


def shown_data(socket: Socket) -> Any:
    """Return what is shown of the application's data of a client."""
    return shown(socket.data or {})


def marked_data(socket: Socket) -> dict[str, Any]:
    """Return a client's data as other servers are told of it, with what their admins are shown besides."""
    return {**(socket.data or {}), ADMIN: _mark(socket)}


def _mark(socket: Socket) -> dict[str, str]:
    session = socket.client.session
    digest = hashlib.sha256(session.sid.encode()).hexdigest()  # who knows the id itself can act as the client
    return {"clientId": digest[:12], "transport": session.transport_name}


def room_name(room: Room) -> str:
    """Return the name of a room as text that can be sent."""
    return str(room).encode("utf-8", "replace").decode()


def shown(value: Any, depth: int = 0) -> Any:  # noqa: PLR0911 - one for each kind of value
    """Return what is shown of any value of an application's.

    Args:
        value: The value.
        depth: How many others it is in.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _SAFE_INTEGER else str(value)[:_MAX_TEXT]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return room_name(value if len(value) <= _MAX_TEXT else f"{value[:_MAX_TEXT]}…")
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"({len(value)} bytes)"
    if depth < _MAX_DEPTH and isinstance(value, Mapping):
        return {
            room_name(key): HIDDEN if is_private(room_name(key)) else shown(each, depth + 1)
            for key, each in _first(value.items())
        }
    if depth < _MAX_DEPTH and isinstance(value, (list, tuple, set, frozenset)):
        return [shown(each, depth + 1) for each in _first(value)]
    return f"({type(value).__name__})"


def is_private(name: str) -> bool:
    """Tell from the name of a value that it isn't shown."""
    plain = name.lower().replace("-", "").replace("_", "")
    return any(word in plain for word in _PRIVATE)


def _first(values: Iterable[Any]) -> list[Any]:
    return [value for value, _ in zip(values, range(_MAX_ITEMS), strict=False)]


def _shown_handshake(handshake: SocketHandshake) -> dict[str, Any]:
    told = handshake.for_peer()
    del told["auth"]
    for part in ("headers", "query"):
        told[part] = {name: HIDDEN if is_private(name) else value for name, value in told[part].items()}
    told["url"] = _shown_url(handshake.url)
    return told


def _shown_url(url: str) -> str:
    path, question_mark, query = url.partition("?")
    parameters = []
    for each in query.split("&"):
        name, _, _ = each.partition("=")
        parameters.append(f"{name}={HIDDEN}" if is_private(unquote_plus(name)) else each)
    return path + question_mark + "&".join(parameters)
