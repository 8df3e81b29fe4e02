"""Every setting of the service: its type, its default and its documentation, in one place.

``rtserver default-config``, the error lines and ``config/rtserver.toml`` are made from these models: the
settings of the whole process here, each table in a file of its own. Sizes are in bytes and times in seconds
throughout.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from rtserver.cluster.workers.bus import MAX_BUFFER
from rtserver.service.admin_settings import AdminSettings
from rtserver.service.api_settings import ApiSettings
from rtserver.service.auth_settings import AuthSettings
from rtserver.service.cluster_settings import ClusterSettings
from rtserver.service.collisions import check_paths, check_ports
from rtserver.service.delivery_settings import (
    DuplicateSettings,
    HistorySettings,
    PresenceSettings,
    RecoverySettings,
)
from rtserver.service.engine_settings import EngineSettings
from rtserver.service.limit_settings import LimitSettings
from rtserver.service.listen_settings import ListenSettings, StaticSettings
from rtserver.service.log_settings import LogSettings
from rtserver.service.monitoring_settings import InternalSettings, MetricsSettings
from rtserver.service.namespace_settings import NamespaceSettings, check_namespaces
from rtserver.service.section import Seconds, Section
from rtserver.service.setting_types import Expected, Folder, ImportPath
from rtserver.service.socket_settings import SocketSettings
from rtserver.service.tracing_settings import TracingSettings
from rtserver.service.webhook_settings import WebhookSettings

__all__ = ["Config"]

WorkerCount = Annotated[
    Annotated[int, Field(ge=1, le=256)] | Literal["auto"], Expected('an integer from 1 to 256, or "auto"')
]


class Config(Section):
    """The whole config file."""

    app: Annotated[
        ImportPath | None,
        Expected(
            'an import path, "package.module:attribute"; or none, where [[namespaces]] or webhooks.namespaces'
            " say what is served"
        ),
    ] = Field(
        description=(
            "The application: a rtserver.Server, or a function (plain or async) that receives the Server made"
            " from this file and registers its handlers. A function with a second parameter gets the aiohttp"
            " Application in it. A Server has its options already: the log says at the start which settings"
            " have no effect on it."
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
    drain_delay: float = Field(
        default=0,
        ge=0,
        le=86_400,
        description=(
            "Seconds before that in which the service goes on as ever, but isn't ready at /ready: load"
            " balancers that look there have sent new clients elsewhere by then (docs/deploying.md)."
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
    worker_max_buffer_size: int = Field(
        default=MAX_BUFFER,
        ge=65_536,
        description=(
            "Bytes that may wait for another worker, and that one message may have. When there are more, the"
            " link to a worker that doesn't read is closed; it is made anew when that one goes on."
        ),
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
    webhooks: WebhookSettings = WebhookSettings()
    api: ApiSettings = ApiSettings()
    limits: LimitSettings = LimitSettings()
    admin: AdminSettings = AdminSettings()
    internal: InternalSettings = InternalSettings()
    metrics: MetricsSettings = MetricsSettings()
    tracing: TracingSettings = TracingSettings()
    log: LogSettings = LogSettings()
    namespaces: list[NamespaceSettings] = Field(default=[])
    static: list[StaticSettings] = Field(default=[])

    @model_validator(mode="before")
    @classmethod
    def _something_is_served(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        webhooks = values.get("webhooks")
        has_backend = isinstance(webhooks, dict) and webhooks.get("namespaces")
        return {"app": None, **values} if values.get("namespaces") or has_backend else values

    @model_validator(mode="after")
    def _tokens_come_first(self) -> Self:
        if self.socket.always_connect and self.auth.namespaces:
            raise ValueError(
                "socket.always_connect lets clients in before their tokens are looked at: set it to false"
            )
        if self.socket.always_connect and self.webhooks.namespaces and self.webhooks.connect:
            raise ValueError(
                "socket.always_connect lets clients in before the backend has decided: set it to false"
            )
        return self

    @model_validator(mode="after")
    def _namespaces_make_sense(self) -> Self:
        check_namespaces(
            self.namespaces,
            tokens=self.auth.namespaces,
            has_backend=self.webhooks.url is not None,
            answered=self.webhooks.namespaces,
            others_join=self.app is not None or bool(self.api.keys),
            refresh_event=self.auth.refresh_event,
        )
        if self.socket.always_connect and self.namespaces:
            raise ValueError(
                "socket.always_connect lets clients into [[namespaces]] before it is decided whether they may"
                " be there: set it to false"
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

    @model_validator(mode="after")
    def _nothing_is_in_the_way(self) -> Self:
        check_paths(self.listen, self.internal, self.api)
        check_ports(self.listen, self.internal)
        return self
