"""Where a client's token is looked for: what it sent with its CONNECT packet, or with its HTTP request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal

from rtserver.server.handshake import SocketHandshake

__all__ = ["Source", "find_token"]

Source = Literal["auth", "header", "query", "cookie"]

BEARER: Final = "bearer "


def find_token(handshake: SocketHandshake, sources: Sequence[Source], name: str) -> str | None:
    """Return the token of a client; None if it has sent none.

    Args:
        handshake: How the client came in.
        sources: Where it is looked for, in this order.
        name: The key in the auth payload, the parameter of the query, the cookie. The header is always
            ``Authorization: Bearer`` (RFC 6750, 2.1).
    """
    for source in sources:
        token = _READERS[source](handshake, name)
        if token:
            return token
    return None


def _in_auth(handshake: SocketHandshake, name: str) -> str | None:
    token = handshake.auth.get(name) if isinstance(handshake.auth, Mapping) else None
    return token if isinstance(token, str) else None


def _in_header(handshake: SocketHandshake, name: str) -> str | None:
    value = handshake.headers.get("authorization", "")
    return value[len(BEARER) :].strip() if value[: len(BEARER)].lower() == BEARER else None


def _in_query(handshake: SocketHandshake, name: str) -> str | None:
    return handshake.query.get(name)


def _in_cookie(handshake: SocketHandshake, name: str) -> str | None:
    """Return a cookie, the first of this name: it is the one of the longest path (RFC 6265, 5.4).

    Other applications of the site set cookies, too, of whatever form: they don't matter here.
    """
    for pair in handshake.headers.get("cookie", "").split(";"):
        key, _, value = pair.partition("=")
        if key.strip() == name:
            return value.strip().removeprefix('"').removesuffix('"')
    return None


_READERS: Final[Mapping[Source, Callable[[SocketHandshake, str], str | None]]] = {
    "auth": _in_auth,
    "header": _in_header,
    "query": _in_query,
    "cookie": _in_cookie,
}
