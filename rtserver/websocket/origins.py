"""Which web pages may connect, by the Origin header of their requests (RFC 6454; RFC 6455, 10.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from rtserver.errors import HandshakeError

__all__ = ["AllowedOrigins", "check_origin", "check_patterns", "is_allowed_origin"]

AllowedOrigins = str | Sequence[str] | Callable[[str], bool] | None
"""None: the same origin. "*": any. One origin or several, or patterns of them, or a function that says."""

_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}
_HTTP_SCHEMES: Final = {"ws": "http", "wss": "https"}
_ADD: Final = "add it to the allowed origins"
# For a page whose origin is the server's own but for TLS, which somebody else has spoken then.
_TRUST: Final = "a proxy that speaks TLS for it has to be in trusted_proxies and to send X-Forwarded-Proto"
_SHOWN: Final = 100
_LISTED: Final = 10
_CACHED: Final = 1024
_OTHERS: Final = {"*", "null", "file://"}  # any page, and pages whose browsers tell no more of them

_NAMES: Final = r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*"
# RFC 6454, 6.2: a scheme, a host, and a port if it isn't the scheme's own
_ORIGIN: Final = re.compile(
    rf"[a-z][a-z0-9+.-]*://(?:(?:\*\.)?{_NAMES}|\[[0-9a-f:.]+\])(?::(?:[0-9]{{1,5}}|\*))?"
)


def is_allowed_origin(origin: str, host: str, scheme: str, allowed: AllowedOrigins) -> bool:
    """Tell whether a page of `origin` may connect.

    Args:
        origin: The Origin header (RFC 6454, 7), as "https://app.example".
        host: The Host header of the request.
        scheme: How the request came: http, https, ws or wss.
        allowed: None for the same origin, "*" for any, one or several origins, or a function that says.
            In an origin, "*." before the host stands for one or more names, and ":*" for any port.
    """
    if allowed is None:
        return _with_port(origin.lower()) == _with_port(_own_origin(host, scheme))
    if callable(allowed):
        return allowed(origin)
    origin = origin.lower()
    return any(_matches(each.lower(), origin) for each in _several(allowed))


def check_origin(origin: str | None, host: str, scheme: str, allowed: AllowedOrigins) -> None:
    """Check the Origin header of a handshake (RFC 6455, 10.2); arguments as of `is_allowed_origin`.

    Browsers always send one. A request without it isn't a browser's and passes.

    Raises:
        HandshakeError: 403, with what was received and what is allowed.
    """
    if origin is None or is_allowed_origin(origin, host, scheme, allowed):
        return
    if allowed is None:
        own = _own_origin(host, scheme)
        advice = _ADD if origin.lower() != own.replace("http:", "https:", 1) else _TRUST
        why = f"allowed is the same origin, {own!r}; {advice}"
    elif callable(allowed):
        why = "the server's check of origins refused it"
    else:
        names = _several(allowed)
        shown = ", ".join(map(repr, names[:_LISTED])) + (" and others" if len(names) > _LISTED else "")
        why = f"allowed are {shown or 'none'}; {_ADD}"
    raise HandshakeError(403, f"origin {origin[:_SHOWN]!r} is not allowed: {why}")


def check_patterns(allowed: AllowedOrigins | Callable[..., object], *, strict: bool = False) -> None:
    """Check what was given as allowed origins.

    Args:
        allowed: As of `is_allowed_origin`.
        strict: Whether to refuse other text that matches no origin, too: what has a path or no scheme.

    Raises:
        ValueError: A pattern has its "*" elsewhere than before a host or as the port.
    """
    if allowed is None or callable(allowed):
        return
    for each in _several(allowed):
        if each not in _OTHERS and (strict or "*" in each) and not _ORIGIN.fullmatch(each.lower()):
            raise ValueError(
                f"received {each[:_SHOWN]!r}, expected an origin: a scheme and a host, without a path or a"
                ' slash at the end, such as "https://app.example", "https://*.app.example" or'
                ' "http://localhost:*"'
            )


def _matches(allowed: str, origin: str) -> bool:
    if "*" not in allowed:
        return allowed == origin
    return allowed == "*" or _compiled(allowed).fullmatch(origin) is not None


@lru_cache(_CACHED)
def _compiled(allowed: str) -> re.Pattern[str]:
    """Make an expression of a pattern. A "*" in a place where it means nothing matches no origin."""
    expression = re.escape(allowed).replace(r"://\*\.", rf"://{_NAMES}\.")
    if expression.endswith(r":\*"):
        expression = expression.removesuffix(r":\*") + "(?::[0-9]{1,5})?"
    return re.compile(expression)


def _several(allowed: str | Sequence[str]) -> Sequence[str]:
    return [allowed] if isinstance(allowed, str) else list(allowed)


def _own_origin(host: str, scheme: str) -> str:
    return f"{_HTTP_SCHEMES.get(scheme, scheme)}://{host.lower()}"


def _with_port(origin: str) -> str:
    """Return `origin` without the port that its scheme has anyway (RFC 6454, 6.2)."""
    port = _DEFAULT_PORTS.get(origin.partition(":")[0])
    return origin if port is None else origin.removesuffix(port)
