"""How a client came in, as applications and other servers of a cluster see it.

The names are those of Node's server, which also fixes how servers tell each other of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs

from rtserver.server.socket import Socket

__all__ = ["SocketHandshake"]

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class SocketHandshake:
    """The request that opened a client's connection, and what the client said of itself.

    Args:
        headers: The request's headers, names in lower case; those that were repeated are joined.
        query: The parameters of its query, decoded; the first of those that were repeated.
        auth: What the client sent as its ``auth``; an empty dictionary if it sent nothing.
        address: The address that the connection came from: behind a proxy, the proxy's.
        time: When the connection was opened, in UTC.
        secure: Whether it is encrypted as far as this server.
        xdomain: Whether a browser sent it for a page: whether it has an ``Origin``.
        url: Path and query of the request, as received.
    """

    headers: Mapping[str, str]
    query: Mapping[str, str]
    auth: Any
    address: str
    time: datetime
    secure: bool
    xdomain: bool
    url: str

    @property
    def issued(self) -> int:
        """`time` in milliseconds since the epoch."""
        return round(self.time.timestamp() * 1000)

    @classmethod
    def of(cls, socket: Socket) -> SocketHandshake:
        """Describe how a client that is connected here came in."""
        request = socket.client.session.handshake
        headers = _joined(request.headers)
        return cls(
            headers=headers,
            query={name: values[0] for name, values in request.query.items()},
            auth={} if socket.auth is None else socket.auth,
            address=request.remote[0],
            time=datetime.fromtimestamp(request.time, UTC),
            secure=request.secure,
            xdomain="origin" in headers,
            url=request.target,
        )

    @classmethod
    def from_peer(cls, details: Mapping[str, Any]) -> SocketHandshake:
        """Read what another server tells of one of its clients, whatever it leaves out."""
        query = details.get("query") or {}
        return cls(
            headers={name: _first(value) for name, value in (details.get("headers") or {}).items()},
            query={name: _first(value) for name, value in query.items()},
            auth=details.get("auth") or {},
            address=details.get("address") or "",
            time=datetime.fromtimestamp((details.get("issued") or 0) / 1000, UTC),
            secure=bool(details.get("secure")),
            xdomain=bool(details.get("xdomain")),
            url=details.get("url") or "",
        )

    def for_peer(self) -> dict[str, Any]:
        """Return what other servers are told, Node's ones included."""
        return {
            "headers": dict(self.headers),
            "time": _javascript_date(self.time),
            "address": self.address,
            "xdomain": self.xdomain,
            "secure": self.secure,
            "issued": self.issued,
            "url": self.url,
            "query": _node_query(self.url),
            "auth": self.auth,
        }


def _joined(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, raw in headers:
        value = raw.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        separator = "; " if name == "cookie" else ", "
        joined[name] = f"{joined[name]}{separator}{value}" if name in joined else value
    return joined


def _node_query(url: str) -> dict[str, Any]:
    query = parse_qs(url.partition("?")[2], keep_blank_values=True)
    return {name: values if len(values) > 1 else values[0] for name, values in query.items()}


def _first(value: Any) -> str:
    return str(value[0] if isinstance(value, list) and value else value)


def _javascript_date(time: datetime) -> str:
    """Return the time as JavaScript's ``String(date)`` has it in UTC, whatever the locale here."""
    day, month = _DAYS[time.weekday()], _MONTHS[time.month - 1]
    return f"{day} {month} {time:%d %Y %H:%M:%S} GMT+0000 (Coordinated Universal Time)"
