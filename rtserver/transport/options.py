"""The options of an Engine.IO server, checked once, in the form that the code uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rtserver.engineio.request import OLD_PROTOCOLS, PROTOCOLS
from rtserver.transport.hooks import AllowRequest
from rtserver.transport.origins import AllowedOrigins, OriginPolicy
from rtserver.transport.proxies import Proxies
from rtserver.websocket.deflate import DeflateOptions

__all__ = ["EngineOptions"]

TRANSPORTS = ("polling", "websocket")


class EngineOptions:
    """What `EngineServer` was given.

    Args:
        ping_interval: Seconds from one ping to the next; or that and seconds of grace, which the
            client is told to add.
        ping_timeout: Seconds that a client has to answer a ping.
        max_http_buffer_size: The largest message or polling body that a client may send, in bytes.
        allow_upgrades: Whether a polling session may go over to a WebSocket.
        http_compression: Whether polling responses are compressed where the client accepts that.
        compression_threshold: The smallest response that is compressed, in bytes.
        cookie: The name of a cookie that carries the session id, or a dictionary of its ``name`` and
            attributes (a value, True, or a function); None for no cookie.
        cors_allowed_origins: See `OriginPolicy`.
        cors_credentials: Whether browsers may send cookies.
        transports: The transports that are served; None for both.
        upgrade_timeout: Seconds that an upgrade may take.
        close_timeout: Seconds to wait for a client's part in closing.
        keepalive_timeout: Seconds that a connection may idle between two polling requests, and that the
            whole of one may take to arrive.
        per_message_deflate: Compression of WebSocket messages: off, on, or with options.
        max_buffer_size: Bytes that may wait for one client; one that doesn't read them is disconnected.
        allow_eio3: Whether clients of Engine.IO v3 are served as well.
        allow_request: Decides whether a client may open a session: a plain or ``async`` function that is
            given the `Handshake`, and returns True or None to go on, False or the reason to refuse.
        allow_request_timeout: Seconds that an ``async`` one may take.
        trusted_proxies: Addresses and networks of proxies that are believed whose requests they pass on;
            ``"unix"`` for whoever connects through a Unix socket.
        secure_only: Whether requests are refused that are neither encrypted nor said to be by such a proxy.

    Raises:
        ValueError: An option has a value that can't be used.
        TypeError: An option is of the wrong kind.
    """

    def __init__(
        self,
        *,
        ping_interval: float | tuple[float, float] = 25,
        ping_timeout: float = 20,
        max_http_buffer_size: int = 1_000_000,
        allow_upgrades: bool = True,
        http_compression: bool = True,
        compression_threshold: int = 1024,
        cookie: str | Mapping[str, Any] | None = None,
        cors_allowed_origins: AllowedOrigins = None,
        cors_credentials: bool = True,
        transports: str | Sequence[str] | None = None,
        upgrade_timeout: float = 10,
        close_timeout: float = 10,
        keepalive_timeout: float = 75,
        per_message_deflate: bool | DeflateOptions | None = None,
        max_buffer_size: int = 16 * 1024 * 1024,
        allow_eio3: bool = False,
        allow_request: AllowRequest | None = None,
        allow_request_timeout: float = 10,
        trusted_proxies: Sequence[str] = (),
        secure_only: bool = False,
    ) -> None:
        interval, grace = ping_interval if isinstance(ping_interval, tuple) else (ping_interval, 0)
        for name, value in (
            ("ping_interval", interval),
            ("ping_timeout", ping_timeout),
            ("allow_request_timeout", allow_request_timeout),
        ):
            if value <= 0:
                raise ValueError(f"{name} is {value!r}: seconds greater than 0 were expected")
        self.ping_interval = interval
        self.ping_interval_advertised = interval + grace
        self.ping_timeout = ping_timeout
        self.max_payload = max_http_buffer_size
        self.http_compression = http_compression
        self.compression_threshold = compression_threshold
        self.cookie = _cookie(cookie)
        self.origins = OriginPolicy(cors_allowed_origins, cors_credentials)
        names = [transports] if isinstance(transports, str) else list(transports or TRANSPORTS)
        self.transports = frozenset(name for name in names if name in TRANSPORTS)
        if not self.transports:
            raise ValueError(f"transports is {transports!r}: at least one of {TRANSPORTS} was expected")
        self.allow_upgrades = allow_upgrades and "websocket" in self.transports
        self.upgrade_timeout = upgrade_timeout
        self.close_timeout = close_timeout
        self.keepalive_timeout = keepalive_timeout
        self.deflate: DeflateOptions | None = None
        if per_message_deflate:
            self.deflate = (
                per_message_deflate if isinstance(per_message_deflate, DeflateOptions) else DeflateOptions()
            )
        self.max_buffer_size = max_buffer_size
        self.protocols = OLD_PROTOCOLS if allow_eio3 else PROTOCOLS
        self.allow_request = allow_request
        self.allow_request_timeout = allow_request_timeout
        self.proxies = Proxies(trusted_proxies, secure_only) if trusted_proxies or secure_only else None


def _cookie(cookie: str | Mapping[str, Any] | None) -> Callable[[str], str] | None:
    if not cookie:
        return None
    if not isinstance(cookie, str | Mapping):
        raise TypeError(
            f"cookie: received {cookie!r}, expected a name or a dictionary of name and attributes"
        )
    given: Mapping[str, Any] = (
        {"name": cookie, "path": "/", "SameSite": "Lax"} if isinstance(cookie, str) else cookie
    )

    def header(sid: str) -> str:
        parts = [f"{given.get('name', 'io')}={sid}"]
        for name, value in given.items():
            if name == "name":
                continue
            actual = value() if callable(value) else value
            if actual is True:
                parts.append(name)
            elif actual is not False:
                parts.append(f"{name}={actual}")
        return "; ".join(parts)

    return header
