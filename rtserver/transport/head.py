"""Recognise the head of an HTTP/1.1 request of ours, or leave it to aiohttp.

This is no HTTP parser. It knows the few forms that a client's polling and WebSocket requests take, and
declines everything else: what two parsers could understand differently (RFC 9112, 11.2 "Request
Smuggling") must only ever be understood by one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

__all__ = ["MAX_HEAD", "Head", "HeaderBlock", "recognise"]

MAX_HEAD: Final = 8190
"""Bytes of a head, the limit that aiohttp has for one line."""

# RFC 9112, 3 and 5, without all that is optional in them: one space, CRLF, visible ASCII, no folding,
# no empty names, and no bytes above 0x7e that a peer could decode in its own way.
_HEAD: Final = re.compile(
    rb"(GET|POST) (/[!\"$-~]*) HTTP/1\.1\r\n((?:[A-Za-z][A-Za-z0-9-]*:[ ]?[ -~]*\r\n)+)\r\n"
)
_DECLINED: Final = frozenset(
    {
        "transfer-encoding",
        "expect",
        "content-encoding",
        "te",
        "trailer",
        "proxy-connection",
        "http2-settings",
    }
)
"""Headers that change how a body or a response is framed."""
_CONNECTIONS: Final = {
    None: (True, False),
    "keep-alive": (True, False),
    "close": (False, False),
    "upgrade": (True, True),
    "keep-alive, upgrade": (True, True),
}
"""The values of ``Connection`` that are known: whether it is kept alive, whether it is to be upgraded."""


class HeaderBlock:
    """The headers of a request, none of which comes twice.

    Args:
        block: The lines, each with its CRLF.
        values: Values by name in lower case.
    """

    __slots__ = ("block", "values")

    def __init__(self, block: bytes, values: dict[str, str]) -> None:
        self.block = block
        self.values = values

    def get(self, key: str, /) -> str | None:
        """Return the value of a header, None without it."""
        return self.values.get(key.lower())

    def getall(self, key: str, default: Sequence[str], /) -> Sequence[str]:
        """Return the value of a header as the only one of a list."""
        value = self.values.get(key.lower())
        return default if value is None else (value,)

    def raw(self) -> list[tuple[bytes, bytes]]:
        """Return names and values as they were received."""
        pairs = []
        for line in self.block.split(b"\r\n")[:-1]:
            name, _, value = line.partition(b":")
            pairs.append((name, value.strip(b" ")))
        return pairs


class Head(NamedTuple):
    """A head that was understood."""

    method: str
    target: str
    headers: HeaderBlock
    length: int
    """Bytes of the body."""
    keep_alive: bool
    is_upgrade: bool


def recognise(head: bytes, known: Head | None = None) -> Head | None:  # noqa: PLR0911 - one for each doubt
    """Understand a whole head, its empty line included.

    Args:
        head: The bytes.
        known: The last head on the connection: most clients repeat their headers to the byte.

    Returns:
        None when there is any doubt.
    """
    match = _HEAD.fullmatch(head)
    if match is None:
        return None
    method, target, block = match.groups()
    if known is not None and known.headers.block == block and known.method.encode() == method:
        return known._replace(target=target.decode())
    headers = _headers(block)
    if headers is None or "host" not in headers:
        return None
    connection = headers.get("connection")
    keep_alive, is_upgrade = _CONNECTIONS.get(connection and connection.lower(), (None, None))
    if keep_alive is None or is_upgrade is None:
        return None
    upgrade = headers.get("upgrade")
    if is_upgrade != (upgrade is not None) or (upgrade is not None and upgrade.lower() != "websocket"):
        return None
    length = headers.get("content-length")
    if method == b"POST":
        if length is None or is_upgrade or not (length.isdecimal() and len(length) < 10):
            return None
    elif length is not None:
        return None
    return Head(
        method.decode(),
        target.decode(),
        HeaderBlock(block, headers),
        int(length or 0),
        keep_alive,
        is_upgrade,
    )


def _headers(block: bytes) -> dict[str, str] | None:
    headers = {}
    lines = block.decode().split("\r\n")
    del lines[-1]
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip(" ")
    if len(headers) != len(lines) or not _DECLINED.isdisjoint(headers):
        return None
    return headers
