"""The opening handshake, on the server's side (RFC 6455, 4.2), for a request head that is parsed already."""

from __future__ import annotations

from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Mapping, Sequence
from hashlib import sha1
from typing import Final, NamedTuple, Protocol

from rtserver.errors import HandshakeError
from rtserver.websocket.deflate import DeflateOptions, DeflateParameters, negotiate

__all__ = ["Accepted", "Headers", "accept", "accept_key"]

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_VERSION: Final = "13"
_SHOWN: Final = 100


class Headers(Protocol):
    """What is needed of a multidict: all values of a header whose name is compared case-insensitively."""

    def getall(self, key: str, default: Sequence[str], /) -> Sequence[str]:
        """Return the values in the order of their lines."""


class Accepted(NamedTuple):
    """A handshake that is in order."""

    accept_key: str
    subprotocol: str | None
    deflate: DeflateParameters | None
    response_headers: Mapping[str, str]
    """Everything that the 101 response needs."""


def accept(
    method: str,
    http_version: tuple[int, int],
    headers: Headers,
    *,
    subprotocols: Sequence[str] = (),
    deflate: DeflateOptions | None = None,
) -> Accepted:
    """Check an opening handshake and choose what the response says (RFC 6455, 4.2.1 and 4.2.2).

    The origin isn't looked at: see `check_origin`.

    Args:
        method: Of the request.
        http_version: Of the request, (1, 1) or newer.
        headers: Of the request.
        subprotocols: What the server speaks, the preferred one first.
        deflate: Agree to permessage-deflate within these options; None declines it.

    Raises:
        HandshakeError: 400, 405 or 426.
    """
    if method != "GET":
        raise HandshakeError(
            405, f"a WebSocket handshake is a GET request, not {method[:_SHOWN]!r}", {"Allow": "GET"}
        )
    if http_version[0] != 1 or http_version[1] < 1:
        raise _bad(f"a WebSocket handshake needs HTTP/1.1, not HTTP/{http_version[0]}.{http_version[1]}")
    getall = headers.getall
    if len(getall("Host", ())) != 1:
        raise _bad("a WebSocket handshake has one Host header")
    _check_token(getall("Upgrade", ()), "Upgrade", "websocket")
    _check_token(getall("Connection", ()), "Connection", "upgrade")
    key = _check_key(getall("Sec-WebSocket-Key", ()))
    versions = getall("Sec-WebSocket-Version", ())
    if len(versions) != 1 or versions[0] != _VERSION:
        raise HandshakeError(
            426,
            f"Sec-WebSocket-Version is {_shown(versions)}, expected {_VERSION}: use a client of RFC 6455",
            {"Sec-WebSocket-Version": _VERSION},
        )

    response_headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": accept_key(key),
    }
    subprotocol = None
    if subprotocols:
        subprotocol = _choose(subprotocols, getall("Sec-WebSocket-Protocol", ()))
        if subprotocol is not None:
            response_headers["Sec-WebSocket-Protocol"] = subprotocol
    parameters = None
    if deflate is not None and (offers := getall("Sec-WebSocket-Extensions", ())):
        parameters = negotiate(",".join(offers), deflate)
        if parameters is not None:
            response_headers["Sec-WebSocket-Extensions"] = parameters.response
    return Accepted(response_headers["Sec-WebSocket-Accept"], subprotocol, parameters, response_headers)


def accept_key(key: str) -> str:
    """Return `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key` (RFC 6455, 4.2.2, 5.4)."""
    return b64encode(sha1(key.encode() + _GUID, usedforsecurity=False).digest()).decode()


def _check_token(values: Sequence[str], name: str, expected: str) -> None:
    """Look for `expected`, which is lower-case, among the comma-separated tokens of all lines of a header."""
    for value in values:
        lowered = value.lower()
        if lowered == expected or (
            "," in lowered and expected in [token.strip(" \t") for token in lowered.split(",")]
        ):
            return
    raise _bad(
        f"{name} is {_shown(values)}, expected {expected!r}: this address is for WebSocket clients"
        " (a proxy in between has to pass Upgrade and Connection on)"
    )


def _check_key(values: Sequence[str]) -> str:
    if len(values) == 1:
        key = values[0]
        try:
            if len(key) == 24 and len(a2b_base64(key)) == 16:
                return key
        except (Base64Error, ValueError):
            pass
    raise _bad(f"Sec-WebSocket-Key is {_shown(values)}, expected one value, the base64 form of 16 bytes")


def _choose(supported: Sequence[str], offers: Sequence[str]) -> str | None:
    """Return the server's preferred subprotocol among those offered; names are compared exactly."""
    offered = {name.strip(" \t") for line in offers for name in line.split(",")}
    for name in supported:
        if name in offered:
            return name
    return None


def _shown(values: Sequence[str]) -> str:
    return repr(", ".join(values)[:_SHOWN]) if values else "missing"


def _bad(message: str) -> HandshakeError:
    return HandshakeError(400, message)
