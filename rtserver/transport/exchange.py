"""One HTTP request of ours and the way to answer it, whoever parsed it: aiohttp, or the lane."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from rtserver.engineio.handler import Handshake

if TYPE_CHECKING:
    from rtserver.transport.handover.neighbours import Neighbour
    from rtserver.transport.handover.sender import Outcome
    from rtserver.transport.switch import Switch

__all__ = ["Exchange", "HeaderPairs", "Headers", "Holder", "Response"]

HeaderPairs = tuple[tuple[str, str], ...]


class Headers(Protocol):
    """The headers of a request, the names compared case-insensitively."""

    def getall(self, key: str, default: Sequence[str], /) -> Sequence[str]:
        """Return all values, in order."""

    def get(self, key: str, /) -> str | None:
        """Return the first value, None without one."""


class Response(NamedTuple):
    """A whole response."""

    status: int
    headers: HeaderPairs
    body: bytes
    close: bool = False
    """True when the connection must end behind it."""


class Holder(Protocol):
    """Who will answer an exchange later."""

    def lost(self, exchange: Exchange, /) -> None:
        """The client's connection has gone before the answer."""


class Exchange:
    """A request, and its answer: exactly one, now or later.

    Args:
        method: The request method.
        target: The request target as received.
        http_version: Major and minor.
        headers: The request's headers.
        raw_headers: The same, as received.
        remote: The client's address and port.
        local: The address and port that the client reached.
        secure: True over TLS.
        request: aiohttp's request, where there is one.
    """

    __slots__ = (
        "common_headers",
        "headers",
        "holder",
        "http_version",
        "local",
        "may_compress",
        "method",
        "raw_headers",
        "remote",
        "request",
        "secure",
        "target",
    )

    def __init__(  # noqa: PLR0917 - made for every request: keywords would cost
        self,
        method: str,
        target: str,
        http_version: tuple[int, int],
        headers: Headers,
        raw_headers: Iterable[tuple[bytes, bytes]],
        remote: tuple[str, int],
        local: tuple[str, int],
        secure: bool,
        request: Any = None,
    ) -> None:
        self.method = method
        self.target = target
        self.http_version = http_version
        self.headers = headers
        self.raw_headers = raw_headers
        self.remote = remote
        self.local = local
        self.secure = secure
        self.request = request
        self.common_headers: HeaderPairs = ()
        """What every answer to this request carries: CORS, and what hooks have set."""
        self.may_compress = True
        """False when all that is answered was sent uncompressed by intent."""
        self.holder: Holder | None = None
        """Who has to know when the client goes before it is answered."""

    def answer(self, response: Response) -> None:
        """Send the response. A no-op when the client has gone."""
        raise NotImplementedError

    def switch(self, switch: Switch) -> None:
        """Make the connection a WebSocket, as the answer."""
        raise NotImplementedError

    def move(self, neighbour: Neighbour) -> Outcome:
        """Let another process serve the connection, from this request on.

        Returns:
            SENT unless nothing has happened; GONE or FULL then.
        """
        raise NotImplementedError

    def handshake(self) -> Handshake:
        """Return what applications see of the request, and sessions keep."""
        return Handshake(
            self.method,
            self.target,
            self.raw_headers,
            remote=self.remote,
            local=self.local,
            secure=self.secure,
            time=time.time(),
            http_version=self.http_version,
            request=self.request,
        )

    def lost(self) -> None:
        """The client's connection has gone."""
        holder = self.holder
        if holder is not None:
            holder.lost(self)


def address(value: Any) -> tuple[str, int]:
    """Return host and port of what a socket calls its address; a Unix socket's path has no port."""
    if isinstance(value, tuple) and len(value) >= 2:
        return str(value[0]), int(value[1])
    return (value if isinstance(value, str) else "", 0)
