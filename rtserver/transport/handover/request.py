"""A request as bytes once more, for a process that hasn't seen it."""

from __future__ import annotations

from rtserver.transport.exchange import Exchange
from rtserver.transport.head import HeaderBlock

__all__ = ["request_bytes"]

_ABOUT_BODY = frozenset({b"content-length", b"transfer-encoding", b"content-encoding", b"trailer", b"expect"})
"""How the body came: aiohttp has decoded it, and has answered ``Expect``."""


def request_bytes(exchange: Exchange, body: bytes = b"", close: bool = False) -> bytes:
    """Return a request in the form in which it came, or one that means the same.

    Args:
        exchange: The request.
        body: Its body, where that has been read.
        close: Whether the connection is to end behind the response.
    """
    headers = exchange.headers
    if isinstance(headers, HeaderBlock):
        return f"{exchange.method} {exchange.target} HTTP/1.1\r\n".encode() + headers.block + b"\r\n"
    left_out = _ABOUT_BODY | {b"connection"} if close else _ABOUT_BODY
    lines = [(name, value) for name, value in exchange.raw_headers if name.lower() not in left_out]
    if close:
        lines.append((b"Connection", b"close"))
    if body or exchange.method not in {"GET", "HEAD", "OPTIONS"}:
        lines.append((b"Content-Length", b"%d" % len(body)))
    major, minor = exchange.http_version
    first = f"{exchange.method} {exchange.target} HTTP/{major}.{minor}\r\n"
    return b"".join(
        [
            first.encode("utf-8", "surrogateescape"),
            *[b"%b: %b\r\n" % line for line in lines],
            b"\r\n",
            body,
        ]
    )
