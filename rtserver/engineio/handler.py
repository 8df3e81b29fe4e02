"""What stands between a session and the layer above it: four callbacks, and how the client came in."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Protocol, runtime_checkable
from urllib.parse import parse_qs, unquote

from rtserver.engineio.outgoing import Outgoing

__all__ = ["EngineHandler", "Handshake", "PacketHandler", "Session"]

Address = tuple[str, int]


class Session(Protocol):
    """One client, as the layer above sees it. `rtserver.engineio.session` implements it."""

    context: Any
    """The handler's own; None at first."""

    @property
    def sid(self) -> str:
        """The session id."""

    @property
    def handshake(self) -> Handshake:
        """The request that opened the session."""

    @property
    def protocol(self) -> int:
        """The version of Engine.IO that the client speaks; 0 for a plain WebSocket client."""

    @property
    def transport_name(self) -> str:
        """``"polling"`` or ``"websocket"``."""

    @property
    def is_open(self) -> bool:
        """False from the moment that the session closes."""

    @property
    def buffered(self) -> int:
        """Bytes not yet taken by the kernel or by a poll."""

    @property
    def writable(self) -> bool:
        """True when a packet sent now would leave at once: what a volatile event asks."""

    @property
    def congested(self) -> bool:
        """True while the client is slow: its transport pushes back. `drain` tells when that ends."""

    def send_text(self, packet: bytes, /) -> None:
        """Send one whole text packet, type character included. A no-op once the session is closed."""

    def send_outgoing(self, outgoing: Outgoing, /) -> None:
        """Send a message that may go to many sessions. A no-op once the session is closed."""

    def send(self, message: str | bytes, /) -> None:
        """Send a message packet with this content."""

    def close(self, reason: str = "forced close", *, code: int = 1000) -> None:
        """Send what is queued, then close, with this code where it is a WebSocket."""


class EngineHandler(Protocol):
    """The layer above: a Socket.IO server, or an application of `EngineServer`.

    The callbacks are called from the event loop and return at once. What one of them raises, other
    than what is named here, closes the session.
    """

    def connect(self, session: Session, /) -> None:
        """Take a new session.

        Raises:
            EngineRequestError: Refuse it.
        """

    def message(self, session: Session, data: str | bytes, /) -> None:
        """Take the content of a message packet, without its type character."""

    def disconnect(self, session: Session, reason: str, /) -> None:
        """Learn that a session has closed: exactly once for each `connect` that returned."""

    def drain(self, session: Session, /) -> None:
        """Learn that a session which was congested isn't any more."""


@runtime_checkable
class PacketHandler(EngineHandler, Protocol):
    """A handler that decodes WebSocket messages of text itself, from the bytes in which they came.

    It spares most of them from becoming a `str` in between. Messages that came by polling, or in pieces,
    or compressed, are strings already and come to `message`.
    """

    def decode(self, payload: bytes, /) -> Any:
        """Decode a whole packet, type character included.

        Returns:
            A tuple, for `packet`; or the packet as `str`, which then takes the way of all others.

        Raises:
            UnicodeDecodeError: It isn't UTF-8, which must not go unnoticed.
        """

    def packet(self, session: Session, packet: Any, /) -> None:
        """Take a message packet that `decode` made."""


class Handshake:
    """The HTTP request that opened a session, kept small: it lives as long as the session.

    Args:
        method: The request method.
        target: The request target as it stood in the request line.
        headers: Names and values as received.
        remote: The client's address and port, as the socket has them.
        local: The address and port that the client reached.
        secure: True over TLS.
        time: Seconds since the epoch.
        http_version: Major and minor.
        request: The host's request object, or None where the host never made one. It weighs some kilobytes:
            a handler that needs it no longer sets it to None.
    """

    __slots__ = (
        "_headers",
        "http_version",
        "local",
        "method",
        "remote",
        "request",
        "secure",
        "target",
        "time",
    )

    def __init__(
        self,
        method: str,
        target: str,
        headers: Iterable[tuple[bytes, bytes]] = (),
        *,
        remote: Address = ("", 0),
        local: Address = ("", 0),
        secure: bool = False,
        time: float = 0.0,
        http_version: tuple[int, int] = (1, 1),
        request: Any = None,
    ) -> None:
        self.method = method
        self.target = target
        self._headers = b"".join([b"\n%b:%b" % (name.lower(), value) for name, value in headers])
        self.remote = remote
        self.local = local
        self.secure = secure
        self.time = time
        self.http_version = http_version
        self.request = request

    @property
    def path(self) -> str:
        """The path of the target, decoded."""
        return unquote(_origin_form(self.target).partition("?")[0])

    @property
    def query_string(self) -> str:
        """What follows the question mark, as received."""
        return self.target.partition("?")[2]

    @property
    def query(self) -> dict[str, list[str]]:
        """The parameters of the query, decoded."""
        return parse_qs(self.query_string, keep_blank_values=True)

    def header(self, name: str) -> str | None:
        """Return the first header of this name in any case, None without one."""
        block = self._headers
        start = block.find(b"\n%b:" % name.lower().encode())
        if start < 0:
            return None
        start += len(name) + 2
        end = block.find(b"\n", start)
        return _decode(block[start:] if end < 0 else block[start:end])

    @property
    def headers(self) -> Iterator[tuple[str, str]]:
        """All headers, in order, the names in lower case."""
        for line in self._headers.split(b"\n")[1:]:
            name, _, value = line.partition(b":")
            yield _decode(name), _decode(value)

    def environ(self) -> dict[str, Any]:
        """Build the WSGI-like dictionary that python-socketio's handlers receive.

        The keys are those of its aiohttp driver, with the difference that the addresses are true, and
        that ``QUERY_STRING`` and ``RAW_URI`` are as received, still percent-encoded, which is what
        `urllib.parse.parse_qs` expects. ``aiohttp.request`` is there while the request lives.
        """
        path, _, query_string = _origin_form(self.target).partition("?")
        environ: dict[str, Any] = {
            "wsgi.input": io.BytesIO() if self.request is None else self.request.content,
            "wsgi.errors": sys.stderr,
            "wsgi.version": (1, 0),
            "wsgi.async": True,
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "SERVER_SOFTWARE": "rtserver",
            "REQUEST_METHOD": self.method,
            "QUERY_STRING": query_string,
            "RAW_URI": self.target,
            "SERVER_PROTOCOL": f"HTTP/{self.http_version[0]}.{self.http_version[1]}",
            "REMOTE_ADDR": self.remote[0],
            "REMOTE_PORT": str(self.remote[1]),
            "SERVER_NAME": self.local[0],
            "SERVER_PORT": str(self.local[1]),
        }
        if self.request is not None:
            environ["aiohttp.request"] = self.request
        for name, value in self.headers:
            key = name.upper().replace("-", "_")
            if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
                key = f"HTTP_{key}"
                if key in environ:
                    value = f"{environ[key]},{value}"  # noqa: PLW2901
            environ[key] = value
        forwarded = environ.get("HTTP_X_FORWARDED_PROTO", "https" if self.secure else "http")
        environ["wsgi.url_scheme"] = forwarded.partition(",")[0].strip()
        environ["PATH_INFO"] = unquote(path)
        environ["SCRIPT_NAME"] = ""
        return environ


def _origin_form(target: str) -> str:
    """Return path and query of a target in absolute form, which proxies may send (RFC 9112, 3.2.2)."""
    if target.startswith("/"):
        return target
    _, scheme_end, rest = target.partition("://")
    return "/" + rest.partition("/")[2] if scheme_end else target


def _decode(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
