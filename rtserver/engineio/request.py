"""What a request must be: the query parameters, the method, and the errors of the protocol.

Engine.IO v4, "HTTP long-polling" and "WebSocket". The messages begin with the texts of the reference
server, which clients may look for, and go on with what was received and what was expected.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from rtserver.errors import EngineRequestError

__all__ = [
    "OLD_PROTOCOLS",
    "PROTOCOLS",
    "REASONS",
    "Query",
    "bad_request",
    "busy",
    "check_handshake",
    "check_transport",
    "check_use",
    "closing",
    "error_body",
    "forbidden",
    "parse_query",
    "unknown_session",
]

UNKNOWN_TRANSPORT = 0
UNKNOWN_SESSION = 1
BAD_HANDSHAKE_METHOD = 2
BAD_REQUEST = 3
FORBIDDEN = 4
UNSUPPORTED_PROTOCOL = 5

REASONS: Final = MappingProxyType(
    {
        UNKNOWN_TRANSPORT: "Transport unknown",
        UNKNOWN_SESSION: "Session ID unknown",
        BAD_HANDSHAKE_METHOD: "Bad handshake method",
        BAD_REQUEST: "Bad request",
        FORBIDDEN: "Forbidden",
        UNSUPPORTED_PROTOCOL: "Unsupported protocol version",
    }
)
"""The reference server's text for each code."""

PROTOCOLS = ("4",)
OLD_PROTOCOLS = ("3", "4")
UNNAMED = "3"
"""The version of a client that doesn't say which one it speaks, as the reference server takes it."""
EXCERPT = 40


class Query(NamedTuple):
    """The parameters that the protocol knows; None where one is missing."""

    protocol: str | None
    transport: str | None
    sid: str | None


def parse_query(target: str) -> Query:
    """Read the query of a request target; where a name comes twice, its first value counts."""
    query = target.partition("?")[2].partition("#")[0]
    if "%" in query or "+" in query:
        pairs = parse_qsl(query, keep_blank_values=True)
        values = dict(reversed(pairs))
    else:
        values = {name: value for name, _, value in (pair.partition("=") for pair in query.split("&")[::-1])}
    return Query(values.get("EIO"), values.get("transport"), values.get("sid") or None)


def check_transport(query: Query, transports: Collection[str]) -> str:
    """Return the transport that a request asks for.

    Raises:
        EngineRequestError: 0, it is not one of those that are served.
    """
    transport = query.transport
    if transport is None or transport not in transports:
        raise EngineRequestError(
            UNKNOWN_TRANSPORT,
            f"Transport unknown: {_received('transport', transport)}, "
            f"expected {' or '.join(sorted(transports))}",
            context={"transport": transport},
        )
    return transport


def check_handshake(query: Query, method: str, protocols: Collection[str] = PROTOCOLS) -> int:
    """Check a request without a session id, which opens a session.

    Args:
        query: Its query.
        method: Its method.
        protocols: The versions that are served.

    Returns:
        The version of the protocol that the client speaks.

    Raises:
        EngineRequestError: 2, the method is not GET; 5, the client speaks another version.
    """
    if method != "GET":
        raise EngineRequestError(
            BAD_HANDSHAKE_METHOD,
            f"Bad handshake method: received {_excerpt(method)} without a sid, expected GET",
            context={"method": method},
        )
    protocol = query.protocol or UNNAMED
    if protocol not in protocols:
        raise EngineRequestError(
            UNSUPPORTED_PROTOCOL,
            f"Unsupported protocol version: {_received('EIO', query.protocol)}, "
            f"expected {' or '.join(sorted(protocols))}",
            context={"protocol": query.protocol},
        )
    return int(protocol)


def check_use(query: Query, method: str, current: str) -> None:
    """Check a polling request for a session that exists.

    Args:
        query: Its query.
        method: Its method.
        current: The transport that the session uses.

    Raises:
        EngineRequestError: 3, the session uses another transport, or the method is neither GET nor POST.
    """
    if query.transport != current:
        raise bad_request(
            f"received transport {_excerpt(query.transport or '')}, but the session uses {current}",
            name="TRANSPORT_MISMATCH",
            transport=query.transport,
            previousTransport=current,
        )
    if method not in {"GET", "POST"}:
        raise EngineRequestError(
            BAD_REQUEST,
            f"Bad request: received {_excerpt(method)}, expected GET or POST",
            405,
            {"Allow": "GET, POST, OPTIONS"},
        )


def unknown_session(sid: str) -> EngineRequestError:
    """Make the error for a session id that no session has: it has ended, or another server has it."""
    return EngineRequestError(
        UNKNOWN_SESSION,
        f"Session ID unknown: received {_excerpt(sid)}, open a new session",
        context={"sid": sid},
    )


def busy() -> EngineRequestError:
    """Make the error for a session whose process takes no request now."""
    return EngineRequestError(
        BAD_REQUEST, "Unavailable: the process that has the session is busy, try again later", 503
    )


def bad_request(detail: str, **context: Any) -> EngineRequestError:
    """Make the error for a request that the protocol doesn't allow."""
    return EngineRequestError(BAD_REQUEST, f"Bad request: {detail}", context=context)


def forbidden(detail: str) -> EngineRequestError:
    """Make the error for a client that may not connect."""
    return EngineRequestError(FORBIDDEN, f"Forbidden: {detail}", 403)


def closing() -> EngineRequestError:
    """Make the error for a client that comes while the server ends."""
    return EngineRequestError(FORBIDDEN, "Forbidden: the server is shutting down", 503)


def error_body(error: EngineRequestError) -> bytes:
    """Encode the body of a response that refuses a request."""
    return json.dumps({"code": error.code, "message": error.message}, separators=(",", ":")).encode()


def _received(name: str, value: str | None) -> str:
    return f"received no {name}" if value is None else f"received {name} {_excerpt(value)}"


def _excerpt(value: str) -> str:
    return repr(value if len(value) <= EXCERPT else value[:EXCERPT] + "…")
