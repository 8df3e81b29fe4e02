"""An Engine.IO server in an aiohttp application."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar, overload

from aiohttp import web

from rtserver.clock import Clock
from rtserver.cluster.workers.place import Place
from rtserver.engineio.counters import Counters
from rtserver.engineio.handler import EngineHandler, Session
from rtserver.engineio.limiter import Limiter
from rtserver.transport.drain import IsBusy, close_in_turn
from rtserver.transport.engine_host import EngineHost
from rtserver.transport.engine_websocket import EngineWebSocket
from rtserver.transport.gate import Gate, GateLimits
from rtserver.transport.handover.arrivals import Arrivals
from rtserver.transport.handover.door import Door
from rtserver.transport.handover.neighbours import Neighbours
from rtserver.transport.hooks import AllowRequest, Hooks
from rtserver.transport.http import HttpRoute
from rtserver.transport.lane import Lane, LaneHost
from rtserver.transport.options import EngineOptions
from rtserver.transport.plain_routes import PlainEndpoint, PlainRoutes
from rtserver.transport.registry import Registry
from rtserver.transport.routes import Routes
from rtserver.transport.traffic import Traffic
from rtserver.transport.websocket import wait_closed

__all__ = ["EngineServer"]

F = TypeVar("F", bound=Callable[..., Any])

SHUTTING_DOWN = "server shutting down"
"""The reason that the handler is told."""
SHUTDOWN_PATIENCE = 2.0
"""Seconds that clients have for their part of the close handshake when the server ends."""


class EngineServer:
    """Serves Engine.IO v4 to the clients of one handler.

    Args:
        handler: The four callbacks: connect, message, disconnect, drain.
        options: See `EngineOptions`; ``allow_eio3=True`` serves Engine.IO v3 as well.
    """

    def __init__(self, handler: EngineHandler, **options: Any) -> None:
        self.handler = handler
        self.options = EngineOptions(**options)
        self.sessions = Registry()
        self.counters = Counters()
        self.gate_limits: GateLimits | None = None
        """How many clients may connect, if it is set before the event loop runs."""
        self.limiter: Limiter | None = None
        """Decides what clients may send, if it is set before the event loop runs."""
        self.traffic: Traffic | None = None
        """Counts the bytes of WebSockets, if it is set before the event loop runs."""
        self._hooks = Hooks(self.counters, self.options.allow_request)
        self._host: EngineHost | None = None
        self._routes: Routes | None = None
        self._route: HttpRoute | None = None
        self._plain: PlainRoutes | None = None
        self._lanes: set[Lane] = set()
        self._lane_hosts: dict[tuple[web.Server, str], LaneHost] = {}
        self._resource: web.Resource | None = None
        self._door: Door | None = None
        self._arrivals: Arrivals | None = None
        self._is_secure = False

    @property
    def clock(self) -> Clock:
        """The clock of all time-outs; there is one once the event loop runs."""
        return self._running().clock

    @property
    def connections(self) -> int:
        """The sessions, and the HTTP connections that are open."""
        return len(self.sessions) + len(self._lanes)

    @property
    def arrived(self) -> int:
        """Connections that came here from the process that accepted them: see `join`."""
        return 0 if self._arrivals is None else self._arrivals.unread

    @property
    def gate(self) -> Gate | None:
        """What counts those who come in, where that is limited."""
        return None if self._host is None else self._host.gate

    @property
    def allow_request(self) -> AllowRequest | None:
        """What decides which clients may open a session; None for all. See `EngineOptions`."""
        return self._hooks.allow_request

    @allow_request.setter
    def allow_request(self, function: AllowRequest | None) -> None:
        self._hooks.set_allow_request(function)

    @property
    def is_running(self) -> bool:
        """True from the first request on, or from `join`, until `close`."""
        return self._host is not None

    def count_traffic(self) -> Traffic:
        """Count the bytes of all clients, which costs something for each of their messages.

        To be called before the event loop runs.
        """
        if self.traffic is None:
            self.traffic = Traffic()
        return self.traffic

    @overload
    def on(self, event: str) -> Callable[[F], F]: ...

    @overload
    def on(self, event: str, function: F) -> F: ...

    def on(self, event: str, function: Any = None) -> Any:
        """Call a plain function at each of these events; also a decorator.

        Args:
            event: ``"initial_headers"`` for the first response of each session, ``"headers"`` for every
                response: the function is given the headers, a `multidict.CIMultiDict` that it may change,
                and the `Handshake` of the request. ``"connection_error"`` for every request that is refused:
                it is given a `RefusedRequest`.
            function: The function.

        Raises:
            ValueError: There is no such event.
            TypeError: The function is none, or an ``async`` one.
        """
        if function is None:
            return partial(self.on, event)
        self._hooks.add(event, function)
        return function

    def attach(self, app: web.Application, path: str = "/engine.io/") -> None:
        """Serve at `path` of an application, which may itself be part of another one.

        The application's shutdown closes all sessions, after what the application itself does then.
        """
        self._resource = app.router.add_resource(f"/{path.strip('/')}/" if path.strip("/") else "/")
        self._resource.add_route("*", self.handle_request)
        app.on_shutdown.append(self._on_shutdown)
        app.on_startup.append(self._be_last)

    def attach_plain(self, app: web.Application, path: str, endpoint: PlainEndpoint) -> None:
        """Serve plain WebSocket clients at `path` of an application.

        They are sessions like all others: closing the server closes theirs, too.
        """

        async def handle(request: web.Request) -> web.StreamResponse:
            host = self._running()
            if self._plain is None:
                self._plain = PlainRoutes(host, endpoint)
            return await self._plain.handle(request)

        app.router.add_route("*", path, handle)

    async def handle_request(self, request: web.Request) -> web.StreamResponse:
        """Serve a request: the handler of our route."""
        if self._route is None:
            self._running()
            assert self._routes is not None
            self._route = HttpRoute(self._routes, self.options, self._lane_host)
        return await self._route.handle(request, self.handle_request)

    def lane(self, web_server: web.Server) -> Callable[[], Lane]:
        """Return a protocol factory that serves our own requests without aiohttp, and gives it the others.

        For a service that owns its listening sockets: ``loop.create_server(engine.lane(runner.server))``
        instead of ``loop.create_server(runner.server)``. Middlewares, hooks and the access log of the
        application don't see our requests then.
        """
        if self._resource is None:
            raise RuntimeError("attach the server to an application before its lane is used")
        path = self._resource.canonical

        def make() -> Lane:
            return Lane(self._lane_host(web_server, path))

        return make

    def join(
        self, place: Place, factory: Callable[[], asyncio.BaseProtocol], tls: ssl.SSLContext | None = None
    ) -> None:
        """Serve as one of several processes of this machine, until `close`.

        They hand each other the connections on which a request names a session of another one. Ids of
        sessions begin with the name of their process: call this before there are any.

        Args:
            place: Where they find each other, and the name of this one.
            factory: Makes the protocol of each connection that comes from another process.
            tls: For connections that begin with a handshake of TLS.

        Raises:
            OSError: The place can't be used.
        """
        host = self._running()
        arrivals = Arrivals(host.loop, factory, tls)
        door = Door(place.door, arrivals.receive)
        door.open()
        self._door, self._arrivals = door, arrivals
        self._is_secure = tls is not None
        self.sessions.name = place.name
        host.neighbours = Neighbours(host.loop, place, self.counters)

    async def drain(
        self,
        seconds: float,
        heirs: Iterable[str] = (),
        *,
        patience: float = 0.0,
        is_busy: IsBusy | None = None,
    ) -> None:
        """Open no session any more, and close those there are one after another, WebSockets with code 1001.

        To be followed by `close`, and before that stopped by cancelling it.

        Args:
            seconds: In which they are closed; see `close_in_turn`, also for what follows.
            heirs: The processes, if this one has been joined to others, that open sessions instead.
            patience: Seconds beyond that for sessions that are busy.
            is_busy: Tells which are.
        """
        host = self._host
        if host is None:
            return
        host.is_closing = True
        if host.neighbours is not None and not self._is_secure:  # TLS can't leave, and this process ends
            host.neighbours.inherit(heirs)

        def close(session: Session) -> None:
            session.close(SHUTTING_DOWN, code=1001)

        await close_in_turn(self.sessions, close, seconds, patience, is_busy)
        self._pass_on(host)

    def _pass_on(self, host: EngineHost) -> None:
        """Let others have the connections of which nobody knows yet what they are for."""
        for lane in list(self._lanes):
            heir = host.neighbours.heir() if host.neighbours is not None else None
            if heir is None:
                return
            lane.pass_on(heir)

    async def close(self) -> None:
        """Close all sessions, WebSockets with code 1001, and wait a moment for the clients.

        Requests that arrive meanwhile are refused. Afterwards the server can be used again, on any loop.
        """
        host = self._host
        if host is None:
            return
        host.is_closing = True
        if self._door is not None:
            self._door.close()
        for entrance in (self._routes, self._plain):
            if entrance is not None:
                entrance.close()
        websockets = []
        for session in self.sessions:
            carriers = (session.carrier, session.probe)
            websockets += [carrier for carrier in carriers if isinstance(carrier, EngineWebSocket)]
            session.close(SHUTTING_DOWN, code=1001)
            session.end()
        for lane in list(self._lanes):
            lane.close()
        await wait_closed(websockets, SHUTDOWN_PATIENCE)
        for lane in list(self._lanes):
            lane.abort()
        self._leave(host)
        if self._host is host:
            self._forget_host()

    def _leave(self, host: EngineHost) -> None:
        """Be the only process again."""
        self.sessions.name = ""
        if self._arrivals is not None:
            self._arrivals.close()
        if host.neighbours is not None:
            host.neighbours.close()
        self._door = self._arrivals = None

    def _forget_host(self) -> None:
        self._host = self._routes = self._route = self._plain = None
        self._lane_hosts.clear()

    async def _be_last(self, app: web.Application) -> None:
        """Let what the application has registered since come before the end of its clients."""
        if not app.on_shutdown.frozen:  # as that of a sub-application is
            app.on_shutdown.remove(self._on_shutdown)
            app.on_shutdown.append(self._on_shutdown)

    async def _on_shutdown(self, app: web.Application) -> None:
        await self.close()

    def _running(self) -> EngineHost:
        loop = asyncio.get_running_loop()
        if self._host is not None and self._host.loop is not loop:  # used before, and not closed
            self._forget_host()
        if self._host is None:
            self._host = EngineHost(loop, self.handler, self.options, self.sessions, self._hooks)
            self._host.limiter = self.limiter
            self._host.traffic = self.traffic
            if self.gate_limits is not None:
                self._host.gate = Gate(self.gate_limits, self._host.clock.now)
            self._routes = Routes(self._host)
        return self._host

    def _lane_host(self, web_server: web.Server, path: str) -> LaneHost:
        shared = self._lane_hosts.get((web_server, path))
        if shared is None:
            host = self._running()
            assert self._routes is not None
            shared = LaneHost(host, self._routes, web_server, path, self._lanes)
            self._lane_hosts[web_server, path] = shared
        return shared
