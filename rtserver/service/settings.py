"""Every setting of the service: its type, its default and its documentation, in one place.

``rtserver default-config``, the error lines and ``config/rtserver.toml`` are made from these models.
Sizes are in bytes and times in seconds throughout.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from rtserver.server.delivery.slow_clients import Action, policies
from rtserver.service.auth_settings import AuthSettings
from rtserver.service.cluster_settings import ClusterSettings
from rtserver.service.delivery_settings import (
    DuplicateSettings,
    HistorySettings,
    PresenceSettings,
    RecoverySettings,
)
from rtserver.service.limit_settings import LimitSettings
from rtserver.service.section import Bytes, Seconds, Section
from rtserver.service.setting_types import (
    Expected,
    Folder,
    ImportPath,
    NewPath,
    ReadableFile,
    UrlPath,
)
from rtserver.socketio.packet import Limits
from rtserver.transport.proxies import Proxies

__all__ = [
    "Config",
    "EngineSettings",
    "Level",
    "ListenSettings",
    "LogSettings",
    "SocketSettings",
    "StaticSettings",
]

_LIMITS = Limits()


def _checked_policies(given: dict[str, Action]) -> dict[str, Action]:
    policies(given)
    return given


def _checked_proxies(given: list[str]) -> list[str]:
    Proxies(given, secure_only=False)
    return given


Networks = Annotated[list[str], AfterValidator(_checked_proxies)]
Level = Literal["debug", "info", "warning", "error", "critical"]
Policies = Annotated[
    dict[str, Action],
    AfterValidator(_checked_policies),
    Expected('a table of these by namespace, "*" for all others'),
]
Origins = Annotated[
    str | list[str] | None, Expected('"*", an origin such as "https://app.example", or a list of these')
]

WorkerCount = Annotated[
    Annotated[int, Field(ge=1, le=256)] | Literal["auto"], Expected('an integer from 1 to 256, or "auto"')
]


class ListenSettings(Section):
    """Where the service listens, and under which path clients find it."""

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description='Address or host name. "0.0.0.0" is every IPv4 address, "::" every IPv6 address.',
    )
    port: int = Field(
        default=8000, ge=0, le=65_535, description="TCP port. 0 takes a free one; the log says which."
    )
    unix_socket: NewPath | None = Field(
        default=None,
        description="Listen on this Unix socket instead of host and port, for example behind nginx.",
        examples=["/run/rtserver/rtserver.sock"],
    )
    path: UrlPath = Field(
        default="socket.io",
        description='Path of Socket.IO. Clients name it as "path" when it isn\'t "/socket.io/".',
    )
    websocket_path: UrlPath | None = Field(
        default=None,
        description=(
            "Path of another endpoint, for plain WebSocket clients: programs without a Socket.IO library"
            " (docs/plain-clients.md). Not set: there is none."
        ),
        examples=["ws"],
    )
    backlog: int = Field(
        default=1024,
        ge=1,
        le=65_535,
        description="Connections that the kernel keeps waiting until they are accepted.",
    )
    tls_certificate: ReadableFile | None = Field(
        default=None,
        description="Certificate chain in PEM format. With it the service speaks HTTPS and wss.",
        examples=["/etc/rtserver/certificate.pem"],
    )
    tls_key: ReadableFile | None = Field(
        default=None,
        description="Private key in PEM format, when the certificate's file doesn't hold it.",
        examples=["/etc/rtserver/key.pem"],
    )


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
        description='Origins whose pages may connect. Not set: the page\'s own host only. "*": any page.',
        examples=[["https://app.example"]],
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


class SocketSettings(Section):
    """Socket.IO: namespaces, handlers, and what a packet may hold."""

    namespaces: list[str] | Literal["*"] = Field(
        default=["/"],
        description='Namespaces that clients may connect to, besides those with handlers. "*": any.',
    )
    serializer: Literal["default", "msgpack"] = Field(
        default="default",
        description='Packet format: "default" is JSON. Clients of "msgpack" use socket.io-msgpack-parser.',
    )
    always_connect: bool = Field(
        default=False,
        description="Whether a client is told that it is connected before the connect handler has decided.",
    )
    cleanup_empty_child_namespaces: bool = Field(
        default=False,
        description="Whether a namespace of a pattern or a predicate is forgotten with its last client.",
    )
    async_handlers: bool = Field(
        default=True,
        description="Whether handlers of one client may run concurrently. They start in order either way.",
    )
    serve_client: bool | Folder = Field(
        default=False,
        description="Whether to serve the browser client, socket.io.js, under the path of Socket.IO. true:"
        " the one that npm has installed in the working directory or above it. A path: its folder, dist.",
    )
    slow_clients: Action | Policies = Field(
        default="disconnect",
        description="What is done with events for a client that takes them too slowly: as soon as more than"
        ' engine.max_buffer_size would have to wait, it is disconnected. "drop_oldest_volatile": volatile'
        ' events wait, too, and the oldest make room. "conflate": of the events with the same key only the'
        " newest waits.",
    )
    max_running_handlers: int = Field(
        default=1000,
        ge=1,
        description="Handlers of one client that may be running or waiting until reading from it pauses.",
    )
    max_depth: int = Field(
        default=_LIMITS.max_depth,
        ge=1,
        le=1000,
        description="How deeply lists and objects may be nested.",
    )
    max_event_name: int = Field(
        default=_LIMITS.max_event_name, ge=1, description="Longest event name, in characters."
    )
    max_attachments: int = Field(
        default=_LIMITS.max_attachments, ge=0, description="Most binary attachments that one packet may have."
    )


class InternalSettings(Section):
    """An address of its own for /health, /ready and /metrics (docs/operating.md)."""

    host: str = Field(default="127.0.0.1", min_length=1, description="Address or host name.")
    port: int | None = Field(
        default=None,
        ge=0,
        le=65_535,
        description="TCP port. Not set: they are found where clients connect.",
        examples=[9000],
    )


class MetricsSettings(Section):
    """Metrics for Prometheus, at /metrics."""

    enabled: bool = Field(
        default=False,
        description="Whether there are any. Counting events and bytes costs a few percent of throughput.",
    )


class LogSettings(Section):
    """What is logged, and how. Log lines go to the standard error stream."""

    level: Level = Field(default="info", description="Least level that is logged.")
    format: Literal["console", "json"] = Field(
        default="console",
        description='"console" is for people, "json" is one object per line for log collectors.',
    )
    levels: dict[str, Level] = Field(
        default={},
        description="Levels of single loggers, over the level above.",
        examples=[{"rtserver.transport": "debug"}],
    )
    clients: bool = Field(
        default=False,
        description="Whether what clients do is logged too: connects, events, rooms. Costs throughput.",
    )


class StaticSettings(Section):
    """Files to serve. Repeat the table for more folders; leave it out to serve none."""

    prefix: UrlPath = Field(
        description='URL path that the files are found under, "/" for the top.', examples=["/"]
    )
    folder: Folder = Field(
        description="Folder of the files. Its index.html answers for the prefix itself.", examples=["static"]
    )


class Config(BaseSettings):
    """The whole config file."""

    model_config = SettingsConfigDict(
        strict=True, extra="forbid", frozen=True, env_prefix="RTSERVER_", env_nested_delimiter="__"
    )

    app: ImportPath = Field(
        description=(
            "The application: a rtserver.Server, or a function (plain or async) that receives the Server made"
            " from this file and registers its handlers. A function with a second parameter gets the aiohttp"
            " Application in it."
        ),
        examples=["application:setup"],
    )
    app_dir: Folder | None = Field(
        default=None,
        description="Folder that the application is imported from. Not set: the folder of this file.",
        examples=["/srv/application"],
    )
    loop: Literal["uvloop", "asyncio"] = Field(
        default="uvloop", description="Event loop. uvloop is about twice as fast."
    )
    shutdown_timeout: Seconds = Field(
        default=10,
        description="Seconds that handlers, and then HTTP requests, have to finish when the service stops.",
    )
    drain_time: float = Field(
        default=0,
        ge=0,
        le=86_400,
        description=(
            "Seconds over which the clients are closed when the service stops or a worker is replaced: not"
            " all of them come back at once. 0: all are closed at once."
        ),
    )
    workers: WorkerCount = Field(
        default=1,
        description=(
            "Processes that serve, behind one address (docs/workers.md). 1: this process alone. More: it"
            ' accepts the connections, hands them to the workers and restarts those that fail. "auto": one'
            " for each processor."
        ),
    )
    worker_timeout: float = Field(
        default=30,
        ge=2,
        le=86_400,
        description="Seconds that a worker's event loop may stand still before it is killed and restarted.",
    )
    worker_start_timeout: Seconds = Field(
        default=60, description="Seconds that a worker may take to start, the application's start included."
    )
    listen: ListenSettings = ListenSettings()
    cluster: ClusterSettings = ClusterSettings()
    engine: EngineSettings = EngineSettings()
    socket: SocketSettings = SocketSettings()
    recovery: RecoverySettings = RecoverySettings()
    duplicates: DuplicateSettings = DuplicateSettings()
    history: HistorySettings = HistorySettings()
    presence: PresenceSettings = PresenceSettings()
    auth: AuthSettings = AuthSettings()
    limits: LimitSettings = LimitSettings()
    internal: InternalSettings = InternalSettings()
    metrics: MetricsSettings = MetricsSettings()
    log: LogSettings = LogSettings()
    static: list[StaticSettings] = []

    @model_validator(mode="after")
    def _tokens_come_first(self) -> Self:
        if self.socket.always_connect and self.auth.namespaces:
            raise ValueError(
                "socket.always_connect lets clients in before their tokens are looked at: set it to false"
            )
        return self

    @model_validator(mode="after")
    def _users_are_known(self) -> Self:
        if self.limits.connections_per_user is not None and not self.auth.namespaces:
            raise ValueError(
                "limits.connections_per_user: users are known by their tokens; set auth.namespaces"
            )
        return self

    @model_validator(mode="after")
    def _metrics_of_all_workers(self) -> Self:
        if self.metrics.enabled and self.workers != 1 and self.internal.port is None:
            raise ValueError(
                "metrics: with workers, each request is answered by another one; set internal.port, where the"
                " metrics of all of them are"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Leave the merging of sources to config.py, which remembers what came from where."""
        return (init_settings,)
