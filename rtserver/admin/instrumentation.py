"""Puts the admin namespace together: who comes in, what they see, what they may do."""

from __future__ import annotations

import os
import socket
from typing import Any, Final, Literal

from rtserver.admin.actions import FEATURES, Actions
from rtserver.admin.credentials import Auth, Credentials
from rtserver.admin.entrance import Entrance
from rtserver.admin.reports import Reports
from rtserver.admin.statistics import Statistics
from rtserver.admin.watcher import Watcher
from rtserver.clock import Timer
from rtserver.server.interface.backend import Backend
from rtserver.server.interface.socket import Socket
from rtserver.server.server import SocketIOServer
from rtserver.transport.engine_server import EngineServer

__all__ = ["MODES", "Instrumentation", "Mode"]

Mode = Literal["development", "production"]
MODES: Final = ("development", "production")


class Instrumentation:
    """The admin UI's side of one server: `rtserver.Server.instrument` makes it.

    Args:
        server: The server.
        backend: What its interface works on.
        engine: The layer beneath it.
        auth: Who may come in.
        mode: How much is reported.
        read_only: Whether admins only look.
        server_id: What the server is called among others; None for its host's name.
        namespace: The name of the admin namespace.
        server_stats_interval: Seconds between two reports of what the server counts.

    Raises:
        ValueError: A parameter has a value that can't be used, or the namespace is used already.
        TypeError: `auth` is of the wrong kind.
        RuntimeError: The server serves already.
    """

    def __init__(
        self,
        server: SocketIOServer,
        backend: Backend,
        engine: EngineServer,
        *,
        auth: Auth,
        mode: str,
        read_only: bool,
        server_id: str | None,
        namespace: str,
        server_stats_interval: float,
    ) -> None:
        credentials = Credentials.of(auth)
        _check(mode, namespace, server_stats_interval)
        if engine.is_running or backend.hub.namespaces:
            raise RuntimeError("a server is instrumented before it serves, so that no client is missed")
        if backend.hub.settings.always_connect and credentials is not None:
            raise ValueError("always_connect lets admins in before their credentials are looked at")
        if namespace in backend.hub.handlers.namespaces():
            raise ValueError(
                f"namespace: {namespace!r} has handlers already; the admin UI needs one of its own"
            )
        self._server = server
        self._namespace = namespace
        self._interval = server_stats_interval
        self._timer: Timer | None = None
        self._hub = backend.hub
        self._features = ["AGGREGATED_EVENTS", *(() if read_only else FEATURES)]
        self._reports = Reports(backend, namespace)
        name = server_id or _default_id(alone=backend.manager.alone)
        self._statistics = Statistics(backend.hub, engine, name)
        self._watcher: Watcher | None = None
        if mode == "development":
            self._features.append("ALL_EVENTS")
            self._watcher = Watcher(backend, self._reports, namespace)
        if credentials is not None:
            server.use(Entrance(backend.hub, credentials).admit, namespace=namespace)
        server.on("connect", self._welcome, namespace=namespace)
        if not read_only:
            Actions(server, namespace)

    def start(self) -> None:
        """Begin to report what the server counts, once the event loop runs."""
        if self._timer is None:
            self._timer = Timer(self._hub.clock(), self._tick)
            self._timer.set(self._interval)

    async def shutdown(self) -> None:
        """Report no more what the server counts."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _welcome(self, sid: str, environ: dict[str, Any]) -> None:
        admin = self._server.socket(sid, self._namespace)
        await admin.emit("config", {"supportedFeatures": self._features})
        if self._watcher is not None:
            self._server.start_background_task(self._show_sockets, admin, self._watcher)

    async def _show_sockets(self, admin: Socket, watcher: Watcher) -> None:
        await admin.emit("all_sockets", await watcher.all_sockets())

    def _tick(self) -> None:
        assert self._timer is not None
        self._timer.set(self._interval)
        if not self._reports.wanted:
            self._statistics.skip()
            return
        self._reports.send("server_stats", self._statistics.read())
        if self._watcher is not None:
            self._watcher.report_changes()


def _check(mode: str, namespace: str, interval: float) -> None:
    if mode not in MODES:
        raise ValueError(f"mode: received {mode!r}, expected one of {', '.join(map(repr, MODES))}")
    if not namespace.startswith("/") or namespace == "/":
        raise ValueError(f"namespace: received {namespace!r}, expected a name such as '/admin'")
    if not interval > 0:
        raise ValueError(f"server_stats_interval: received {interval!r}, expected seconds, more than 0")


def _default_id(*, alone: bool) -> str:
    """Return the host's name, and the process's number where there may be others on it."""
    return socket.gethostname() if alone else f"{socket.gethostname()}#{os.getpid()}"
