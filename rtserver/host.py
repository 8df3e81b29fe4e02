"""`Server`: the Socket.IO layer, the Engine.IO server beneath it and a manager, put together.

This is what an application imports. It takes every parameter of `socketio.AsyncServer` and of the
Engine.IO server inside it, with the same defaults, and a few of ours.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from rtserver.admin.credentials import Auth
from rtserver.admin.instrumentation import Instrumentation, Mode
from rtserver.clock import Clock
from rtserver.cluster.default import default_manager
from rtserver.server.codecs import choose_codec
from rtserver.server.delivery.duplicates import DuplicateSuppression
from rtserver.server.delivery.history import History
from rtserver.server.delivery.presence import Presence
from rtserver.server.delivery.slow_clients import OnDrop, SlowClients, policies
from rtserver.server.loggers import choose_logger
from rtserver.server.manager import Manager
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.server.server import PATIENCE, SocketIOServer
from rtserver.server.settings import Settings
from rtserver.socketio.packet import Limits
from rtserver.tracing.options import Tracing, make_spans
from rtserver.transport.client_bundle import ClientBundle
from rtserver.transport.engine_server import EngineServer
from rtserver.transport.hooks import AllowRequest
from rtserver.transport.origins import AllowedOrigins
from rtserver.transport.plain_routes import PlainEndpoint
from rtserver.websocket.deflate import DeflateOptions

__all__ = ["Server"]

_LIMITS = Limits()
_BESIDE: Final = (
    "This server owns its connections and runs inside no other framework, ASGI and WSGI included: "
    "serve it beside, see docs/migrating-from-python-socketio.md"
)


class Server(SocketIOServer):
    """A Socket.IO server, to be attached to an aiohttp application.

    Args:
        client_manager: What joins this server to others. If omitted, the workers of the service (the setting
            ``workers``) are joined, and any other server is alone.
        logger: True to log what clients do, or a logger to use. Without it only failures are logged.
        json: A JSON module for packets, with ``loads`` and ``dumps`` like the standard library's; None for
            our own, which is faster.
        async_handlers: Whether handlers of one client may run concurrently. They start in the order in
            which the events arrived either way; with False each one also ends before the next starts.
        namespaces: Namespaces that clients may join besides those with handlers; ``"*"`` for any. The main
            namespace if omitted.
        serializer: ``"default"``, ``"msgpack"``, or a `rtserver.socketio.codec.Codec`.
        cleanup_empty_child_namespaces: Forget a namespace of a pattern or predicate with its last client. A
            predicate is asked again then; otherwise its answer is kept, for the newest thousand.
        always_connect: Tell a client that it is connected before its ``connect`` handler has decided.
        engineio_logger: True to show what the Engine.IO layer logs, in ``rtserver.engineio``: failures, and
            no packets.
        async_mode: ``"aiohttp"`` or None, which mean the same here.
        ping_interval: Seconds between two heartbeats; or a tuple of that and a grace period.
        ping_timeout: Seconds that a client has for its answer.
        max_http_buffer_size: The largest message or polling body that a client may send, in bytes.
        allow_upgrades: Whether a client on polling may go over to a WebSocket.
        http_compression: Whether polling responses are compressed.
        compression_threshold: The smallest polling response that is compressed, in bytes.
        cookie: A cookie's name, or a dictionary of its ``name`` and attributes, to carry the session id.
        cors_allowed_origins: An origin, a pattern such as ``"https://*.app.example"``, a list of these, a
            function, or ``"*"``; the same origin if omitted; ``[]`` to leave cross-origin requests to others.
        cors_credentials: Whether browsers may send cookies to this server.
        monitor_clients: Nothing: clients are always watched, at no cost.
        transports: ``"polling"``, ``"websocket"`` or a list of both.
        connect_timeout: Seconds in which a new client must have joined a namespace; None for no limit.
        upgrade_timeout: Seconds that an upgrade to WebSocket may take.
        max_buffer_size: Bytes that may wait for one client; one that reads too slowly is disconnected.
        per_message_deflate: Compress WebSocket messages: True, or options; off if omitted.
        per_message_deflate_threshold: The smallest WebSocket message that is compressed, in bytes; used
            with True.
        max_running_handlers: Handlers of one client that may be suspended, or wait for their turn, before
            the server stops reading from it until half of them have ended.
        history: Which rooms keep what was sent to them lately; none if omitted.
        presence: Which rooms tell who is in them; none if omitted.
        duplicate_suppression: How packets that clients send again are recognised, so that their handlers run
            once: True, or options; every packet counts as a new one if omitted.
        max_depth: Arrays and objects within each other that a packet may have.
        max_event_name: Characters that an event's name may have.
        max_attachments: Binary attachments that a packet may have.
        allow_request: Decides whether a client may open a session: a plain or ``async`` function that is
            given the `Handshake`, and returns True or None to go on, False or the reason to refuse.
        allow_request_timeout: Seconds that an ``async`` one may take.
        serve_client: Whether to serve the official browser client under the endpoint's path: True for what
            npm has installed in the working directory or above it, or the path of its folder ``dist``.
        allow_eio3: Whether clients of Socket.IO 2.x are served as well.
        slow_clients: What is done with events while a client is slow: ``"disconnect"``,
            ``"drop_oldest_volatile"``, ``"conflate"`` or a `SlowClientPolicy`; or a dictionary of these by
            namespace, with ``"*"`` for all others.
        on_drop: Called with a client's sid, the namespace, an event's name and a `Drop` reason for each event
            that the client isn't sent: a volatile one, or one that a newer one has replaced.
        connection_state_recovery: What is kept for clients that lose their connection, so that they come back
            to the same id, rooms and data, and get what they missed: True, or options; nothing if omitted.
        trusted_proxies: Addresses and networks of proxies that are believed whose requests they pass on, by
            ``X-Forwarded-For`` and ``X-Forwarded-Proto``; ``"unix"`` for whoever connects through a Unix
            socket; nobody if omitted.
        secure_only: Whether requests are refused that are neither encrypted nor said to be by such a proxy.
        max_namespaces: Namespaces that one client may be in.
        max_rooms: Rooms that one client may be in, in each namespace, besides its own; None for any number.
        tracing: Whether spans of OpenTelemetry are made of connects, events and acknowledgments: True, or
            options.

    Raises:
        ValueError: A parameter has a value that can't be used.
        TypeError: A parameter is of the wrong kind, such as one of python-socketio's client managers.
        StartError: Spans are to be made, and OpenTelemetry isn't installed.
    """

    def __init__(
        self,
        client_manager: Manager | None = None,
        logger: bool | logging.Logger = False,
        json: Any = None,
        async_handlers: bool = True,
        namespaces: Collection[str] | None = None,
        *,
        serializer: Any = "default",
        always_connect: bool = False,
        cleanup_empty_child_namespaces: bool = False,
        engineio_logger: bool | logging.Logger | None = None,
        async_mode: str | None = None,
        ping_interval: float | tuple[float, float] = 25,
        ping_timeout: float = 20,
        max_http_buffer_size: int = 1_000_000,
        allow_upgrades: bool = True,
        http_compression: bool = True,
        compression_threshold: int = 1024,
        cookie: str | Mapping[str, Any] | None = None,
        cors_allowed_origins: AllowedOrigins = None,
        cors_credentials: bool = True,
        monitor_clients: bool | None = None,
        transports: str | Sequence[str] | None = None,
        connect_timeout: float | None = 45,
        upgrade_timeout: float = 10,
        max_buffer_size: int = 16 * 1024 * 1024,
        per_message_deflate: bool | DeflateOptions | None = None,
        per_message_deflate_threshold: int = 1024,
        max_running_handlers: int = 1000,
        history: History | None = None,
        presence: Presence | None = None,
        duplicate_suppression: bool | DuplicateSuppression = False,
        max_depth: int = _LIMITS.max_depth,
        max_event_name: int = _LIMITS.max_event_name,
        max_attachments: int = _LIMITS.max_attachments,
        allow_request: AllowRequest | None = None,
        allow_request_timeout: float = 10,
        serve_client: bool | str | os.PathLike[str] = False,
        allow_eio3: bool = False,
        slow_clients: SlowClients = "disconnect",
        on_drop: OnDrop | None = None,
        connection_state_recovery: bool | ConnectionStateRecovery = False,
        trusted_proxies: Sequence[str] = (),
        secure_only: bool = False,
        max_namespaces: int = 1000,
        max_rooms: int | None = None,
        tracing: bool | Tracing = False,
    ) -> None:
        if async_mode not in (None, "aiohttp"):
            raise ValueError(f"async_mode: received {async_mode!r}, expected 'aiohttp' or None. {_BESIDE}")
        chosen_logger = choose_logger("rtserver.server", logger)
        settings = Settings(
            namespaces=("/",)
            if not namespaces
            else (namespaces,)
            if isinstance(namespaces, str)
            else namespaces,
            remove_empty=cleanup_empty_child_namespaces,
            always_connect=always_connect,
            serial=not async_handlers,
            connect_timeout=connect_timeout,
            max_held=max_buffer_size,
            max_namespaces=max_namespaces,
            max_rooms=max_rooms,
            max_running=max_running_handlers,
            history=history,
            presence=presence,
            duplicates=DuplicateSuppression()
            if duplicate_suppression is True
            else duplicate_suppression or None,
            recovery=ConnectionStateRecovery()
            if connection_state_recovery is True
            else connection_state_recovery or None,
            unnoticed=(ping_interval[0] if isinstance(ping_interval, tuple) else ping_interval)
            + ping_timeout,
            verbose=bool(logger) and chosen_logger.isEnabledFor(logging.INFO),
            slow_clients=policies(slow_clients),
            on_drop=on_drop,
        )
        limits = Limits(max_depth=max_depth, max_event_name=max_event_name, max_attachments=max_attachments)
        self._limits = limits
        super().__init__(
            default_manager() if client_manager is None else _checked(client_manager),
            choose_codec(serializer, json, limits),
            settings,
            chosen_logger,
            self._clock,
        )
        if tracing:
            self._hub.spans = make_spans(Tracing() if tracing is True else tracing, self._hub.find)
        choose_logger("rtserver.engineio", engineio_logger not in (None, False))
        if per_message_deflate is True:
            per_message_deflate = DeflateOptions(threshold=per_message_deflate_threshold)
        self.eio = EngineServer(
            self._dispatch,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            max_http_buffer_size=max_http_buffer_size,
            allow_upgrades=allow_upgrades,
            http_compression=http_compression,
            compression_threshold=compression_threshold,
            cookie=cookie,
            cors_allowed_origins=cors_allowed_origins,
            cors_credentials=cors_credentials,
            transports=transports,
            upgrade_timeout=upgrade_timeout,
            max_buffer_size=max_buffer_size,
            per_message_deflate=per_message_deflate,
            allow_request=allow_request,
            allow_request_timeout=allow_request_timeout,
            allow_eio3=allow_eio3,
            trusted_proxies=trusted_proxies,
            secure_only=secure_only,
        )
        self._serve_client = serve_client
        self._instrumentation: Instrumentation | None = None
        self.async_mode = "aiohttp"

    def _clock(self) -> Clock:
        return self.eio.clock

    def attach(
        self, app: web.Application, socketio_path: str = "socket.io", *, websocket_path: str | None = None
    ) -> None:
        """Serve clients from inside an aiohttp application, for as long as it runs.

        Args:
            app: The application, or one that is added to another as a sub-application.
            socketio_path: The path of the endpoint.
            websocket_path: The path, such as ``"/ws"``, of another endpoint for plain WebSocket clients,
                which have no Socket.IO library; none if omitted.

        Raises:
            ValueError: Both paths are the same.
            TypeError: The application isn't aiohttp's.
            StartError: The browser client is to be served, and isn't found.
        """
        if not isinstance(app, web.Application):
            raise TypeError(f"app: received {app!r}, expected an aiohttp.web.Application. {_BESIDE}")
        if websocket_path is not None and websocket_path.strip("/") == socketio_path.strip("/"):
            raise ValueError(
                f"websocket_path is {websocket_path!r}, the path of Socket.IO: choose another one"
            )
        path = f"/{socketio_path.strip('/')}/"
        if self._serve_client is not False:
            ClientBundle(self._serve_client, self.eio.options.origins).attach(app, path)
        self.eio.attach(app, path)
        if websocket_path is not None:
            endpoint = PlainEndpoint(self._hub.codec, self._limits, self.eio.counters)
            self.eio.attach_plain(app, f"/{websocket_path.strip('/')}", endpoint)
        app.on_startup.append(self._on_startup)
        app.on_cleanup.append(self._on_cleanup)

    def instrument(  # noqa: PLR0917 - python-socketio's signature
        self,
        auth: Auth = None,
        mode: Mode = "development",
        read_only: bool = False,
        server_id: str | None = None,
        namespace: str = "/admin",
        server_stats_interval: float = 2,
    ) -> Instrumentation:
        """Let the official Socket.IO admin UI look at this server. To be called before it serves.

        Args:
            auth: Who may come in: a dictionary that the login must agree with, usually ``username`` and
                ``password``; a list of these; a plain or ``async def`` function that is given what the client
                sends and tells whether it will do; or False for everyone.
            mode: ``"development"`` reports every socket, room and event, which costs much; ``"production"``
                only what is counted anyhow.
            read_only: Whether admins only look, and may do nothing to clients.
            server_id: What the server is called among others; its host's name if omitted.
            namespace: The namespace that the UI connects to.
            server_stats_interval: Seconds between two reports of what the server counts.

        Returns:
            What can be shut down by itself; shutting the server down does it, too.

        Raises:
            ValueError: There is no `auth`, a parameter has a value that can't be used, or the namespace is
                used already.
            TypeError: `auth` is of the wrong kind.
            RuntimeError: The server serves already, or is instrumented.
        """
        if self._instrumentation is not None:
            raise RuntimeError("this server is instrumented already")
        self._instrumentation = Instrumentation(
            self,
            self._backend,
            self.eio,
            auth=auth,
            mode=mode,
            read_only=read_only,
            server_id=server_id,
            namespace=namespace,
            server_stats_interval=server_stats_interval,
        )
        return self._instrumentation

    async def start(self) -> None:
        """Let manager and admin UI begin, once. Attaching to an application sees to it."""
        await super().start()
        if self._instrumentation is not None:
            self._instrumentation.start()

    async def _on_startup(self, app: web.Application) -> None:
        await self.start()

    async def _on_cleanup(self, app: web.Application) -> None:
        await self.shutdown()

    async def handle_request(self, *args: Any, **kwargs: Any) -> Any:
        """Answer one request, as an aiohttp handler: for a route of the application's own.

        Args:
            args: The `aiohttp.web.Request`.
            kwargs: Nothing: python-socketio passes on what other frameworks give it.

        Raises:
            TypeError: It is given something else, as by the wrappers of other frameworks.
        """
        if kwargs or len(args) != 1 or not isinstance(args[0], web.Request):
            kinds = ", ".join(type(each).__name__ for each in (*args, *kwargs.values())) or "nothing"
            raise TypeError(f"handle_request: received {kinds}, expected an aiohttp.web.Request. {_BESIDE}")
        await self.start()
        return await self.eio.handle_request(args[0])

    async def drain(self, seconds: float, *, patience: float = 0.0, heirs: Sequence[str] = ()) -> None:
        """Let no client in any more, and close those there are one after another.

        `shutdown` then ends what is left.

        Args:
            seconds: In which they are closed, evenly spread.
            patience: Seconds beyond that for clients whose handlers run, or whose acknowledgments are waited
                for: they are closed when that is over.
            heirs: The names of workers that have who comes meanwhile.
        """
        await self.eio.drain(seconds, heirs, patience=patience, is_busy=self._dispatch.is_busy)

    async def shutdown(self, *, patience: float = PATIENCE) -> None:
        """Disconnect every client, and end the handlers that still run.

        Args:
            patience: Seconds that they have, ``disconnect`` handlers included, before they are cancelled.
        """
        if self._instrumentation is not None:
            await self._instrumentation.shutdown()
        await self.eio.close()
        await super().shutdown(patience=patience)


def _checked(manager: Any) -> Manager:
    if not all(callable(getattr(manager, name, None)) for name in ("attach", "emit", "ask", "close")):
        raise TypeError(
            f"client_manager: received {manager!r}, expected a manager of rtserver, such as "
            "rtserver.RedisManager(url) in the place of AsyncRedisManager. Those of python-socketio keep the "
            "list of clients themselves, which this server doesn't let them"
        )
    return manager  # type: ignore[no-any-return]
