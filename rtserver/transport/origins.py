"""Which web pages may use the server, and what their browsers are told (CORS; RFC 6454)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Sequence
from typing import Any

from rtserver.engineio.request import forbidden
from rtserver.errors import HandshakeError
from rtserver.transport.exchange import Exchange, HeaderPairs
from rtserver.websocket.origins import check_origin, check_patterns, is_allowed_origin

__all__ = ["AllowedOrigins", "OriginPolicy"]

AllowedOrigins = str | Sequence[str] | Callable[..., Any] | None


class OriginPolicy:
    """Checks the ``Origin`` header, and makes the headers that a browser needs.

    Args:
        allowed: None for the same origin, ``"*"`` for any, one or several origins or patterns such as
            ``"https://*.app.example"``, a function of the origin and, if it takes two arguments, of the
            environ; an empty list switches checks and headers off. Anything else that is empty allows nobody.
        credentials: Whether browsers may send cookies.

    Raises:
        ValueError: A pattern is wrong.
        TypeError: It is none of these.
    """

    def __init__(self, allowed: AllowedOrigins, credentials: bool) -> None:
        if not (allowed is None or callable(allowed) or isinstance(allowed, Collection)):
            raise TypeError(
                f"cors_allowed_origins: received {allowed!r}, expected an origin, a list of origins, "
                "a function, '*' or None"
            )
        self._off = allowed == []
        self._takes_environ = callable(allowed) and _takes_two(allowed)
        check_patterns(allowed)
        if isinstance(allowed, Sequence) and not isinstance(allowed, str) and "*" in allowed:
            allowed = "*"
        self._allowed = allowed
        self._credentials = credentials

    def check(self, exchange: Exchange, environ: Callable[[], dict[str, Any]]) -> HeaderPairs:
        """Return the headers for the response to a request whose origin is allowed.

        Args:
            exchange: The request.
            environ: Makes the WSGI-like environ, for a function that asks for it.

        Raises:
            EngineRequestError: The origin isn't allowed; it names what was received and what is.
        """
        origin = exchange.headers.get("Origin")
        if self._off or (origin is None and exchange.method != "OPTIONS"):
            return ()
        if origin is not None:
            self._check(exchange, origin, environ)
        headers = []
        if origin is not None:
            headers += [("Access-Control-Allow-Origin", origin), ("Vary", "Origin")]
        if self._credentials:
            headers.append(("Access-Control-Allow-Credentials", "true"))
        if exchange.method == "OPTIONS":
            headers.append(("Access-Control-Allow-Methods", "OPTIONS, GET, POST"))
            asked = exchange.headers.get("Access-Control-Request-Headers")
            if asked is not None:
                headers.append(("Access-Control-Allow-Headers", asked))
        return tuple(headers)

    def check_script(self, exchange: Exchange, environ: Callable[[], dict[str, Any]]) -> None:
        """Check the page that loads a response as a script.

        Browsers send no ``Origin`` with that, and let any page do it, with the visitor's cookies. They do
        send a ``Referer``, unless the page has them leave it out, as one that isn't allowed might.

        Args:
            exchange: The request.
            environ: Makes the WSGI-like environ, for a function that asks for it.

        Raises:
            EngineRequestError: The page's origin isn't allowed, or isn't known though not all are.
        """
        if self._off or self._allowed == "*" or exchange.headers.get("Origin") is not None:
            return
        page = exchange.headers.get("Referer")
        if page is None:
            raise forbidden("a script of an unknown page: expected a Referer header from an allowed origin")
        scheme, _, rest = page.partition("://")
        self._check(exchange, f"{scheme}://{rest.partition('/')[0]}", environ)

    def _check(self, exchange: Exchange, origin: str, environ: Callable[[], dict[str, Any]]) -> None:
        allowed: Any = self._allowed
        if allowed == "*":
            return
        if self._takes_environ:
            function = allowed

            def allowed(origin: str) -> bool:
                return bool(function(origin, environ()))

        get = exchange.headers.get
        scheme = "https" if exchange.secure else "http"
        host = get("Host") or ""
        if allowed is None:
            # A proxy in front may speak TLS, or go by another name. A page of another origin can't
            # send these headers: its browser would ask first, by an OPTIONS request without them.
            proto, forwarded = get("X-Forwarded-Proto"), get("X-Forwarded-Host")
            if (proto or forwarded) and is_allowed_origin(
                origin, _first(forwarded or host), _first(proto or scheme), None
            ):
                return
        try:
            check_origin(origin, host, scheme, allowed)
        except HandshakeError as error:
            raise forbidden(error.message) from None


def _first(value: str) -> str:
    return value.partition(",")[0].strip()


def _takes_two(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind("", {})
    except TypeError:
        return False
    return True
