"""The table of the config file about transports: connections, and what they may cost."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from rtserver.service.section import Bytes, Seconds, Section
from rtserver.service.setting_types import Expected
from rtserver.transport.proxies import Proxies
from rtserver.websocket.origins import check_patterns

__all__ = ["EngineSettings"]


def _checked_proxies(given: list[str]) -> list[str]:
    Proxies(given, secure_only=False)
    return given


def _checked_origins(given: str | list[str] | None) -> str | list[str] | None:
    check_patterns(given, strict=True)
    if given == []:  # what it means to python-socketio isn't what an operator would expect
        raise ValueError(
            'received [], which would let every page connect: expected "*" for that, or no value for the '
            "pages of the service itself"
        )
    return given


Networks = Annotated[list[str], AfterValidator(_checked_proxies)]
Origins = Annotated[
    str | list[str] | None,
    AfterValidator(_checked_origins),
    Expected('"*", an origin such as "https://app.example", a pattern of origins, or a list of these'),
]


class EngineSettings(Section):
    """Transports and their limits: what `rtserver.Server` takes as Engine.IO options."""

    transports: list[Literal["polling", "websocket"]] = Field(
        default=["polling", "websocket"], min_length=1, description="Transports that clients may use."
    )
    allow_upgrades: bool = Field(
        default=True, description="Whether a client on polling may upgrade to WebSocket."
    )
    ping_interval: Seconds = Field(default=25, description="Seconds between two heartbeats of the server.")
    ping_timeout: Seconds = Field(
        default=20, description="Seconds that a client has for its answer before it is disconnected."
    )
    connect_timeout: Seconds = Field(
        default=45, description="Seconds that a new connection has to connect to its first namespace."
    )
    upgrade_timeout: Seconds = Field(default=10, description="Seconds that an upgrade to WebSocket may take.")
    max_http_buffer_size: int = Field(
        default=1_000_000,
        ge=1,
        description="Largest message or polling body that a client may send, in bytes.",
    )
    max_buffer_size: int = Field(
        default=16 * 1024 * 1024,
        ge=1,
        description="Bytes that may wait for one client. One that reads too slowly for it is disconnected.",
    )
    cors_allowed_origins: Origins = Field(
        default=None,
        description='Origins whose pages may connect. Not set: those of the service itself. "*": any page.'
        ' "https://*.app.example": those of all hosts below app.example. "http://localhost:*": of any port.',
        examples=[["https://app.example", "https://*.app.example"]],
    )
    cors_credentials: bool = Field(
        default=True, description="Whether pages of other origins may send cookies."
    )
    http_compression: bool = Field(
        default=True, description="Whether polling responses are compressed with gzip."
    )
    compression_threshold: Bytes = Field(
        default=1024, description="Polling responses smaller than this many bytes are sent as they are."
    )
    per_message_deflate: bool = Field(
        default=False,
        description="Whether WebSocket messages are compressed. Costs processor time and memory per client.",
    )
    per_message_deflate_threshold: Bytes = Field(
        default=1024, description="WebSocket messages smaller than this many bytes are sent as they are."
    )
    cookie: str | None = Field(
        default=None,
        min_length=1,
        description="Name of a cookie that carries the session id, for load balancers that stick by cookie.",
        examples=["io"],
    )
    allow_request_timeout: Seconds = Field(
        default=10, description="Seconds that an application's allow_request may take for one client."
    )
    trusted_proxies: Networks = Field(
        default=[],
        description="Addresses and networks of proxies that are believed whose requests they pass on, by"
        ' X-Forwarded-For and X-Forwarded-Proto. "unix": whoever connects through a Unix socket.',
        examples=[["10.0.0.0/8", "unix"]],
    )
    secure_only: bool = Field(
        default=False,
        description="Whether requests are refused that are neither encrypted nor said to be by such a proxy.",
    )
    allow_eio3: bool = Field(
        default=False,
        description="Whether clients of Socket.IO 2.x, which speak Engine.IO v3, may connect as well.",
    )
