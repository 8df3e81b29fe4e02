"""Build the service from its configuration: the one place that sees every layer."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aiohttp import web

from rtserver.cluster.default import set_place
from rtserver.cluster.workers.place import Place
from rtserver.errors import StartError
from rtserver.host import Server
from rtserver.service.application import fault
from rtserver.service.descriptors import Descriptors
from rtserver.service.listening import Listeners, open_listeners
from rtserver.service.making import Made, make
from rtserver.service.monitoring.endpoints import add_endpoints
from rtserver.service.monitoring.internal import InternalServer, internal_server
from rtserver.service.monitoring.monitor import Monitor
from rtserver.service.settings import Config
from rtserver.service.static_files import add_static
from rtserver.service.tls.certificate import Certificate

if TYPE_CHECKING:
    from rtserver.service.api.endpoint import Api

__all__ = ["Service"]

ACCEPTS: Final = 8
"""Connections that asyncio accepts in one turn, before it is known whether there is room for them. It takes
this number for the length of the kernel's queue, too, which is set afterwards."""
KEEP_ALIVE: Final = 75
"""Seconds that a connection may idle between two requests which aiohttp serves, and that the head of its
first one may take. aiohttp's own are an hour, in which a few clients could take all file descriptors."""


class Service:
    """A server with its application and host, made from a configuration.

    ``prepare``, then ``listen`` or ``open_door``, then ``close``, which may follow any of them and undoes
    what was done.

    Args:
        config: The configuration.
        place: Where this process is among the workers; None if it serves alone.

    Attributes:
        server: The Socket.IO server, once prepared.
        certificate: What its clients are shown, if it speaks TLS.
        urls: Where it listens, once it does.
    """

    def __init__(self, config: Config, place: Place | None = None) -> None:
        self.config = config
        self._place = place
        set_place(place, config.worker_max_buffer_size)
        self.server: Server | None = None
        self.urls: list[str] = []
        self.certificate = Certificate.of(config.listen)
        self.monitor: Monitor | None = None
        self._made: Made | None = None
        self._runner: web.AppRunner | None = None
        self._internal: InternalServer | None = None
        self._api: Api | None = None
        self._listeners: Listeners | None = None
        self._listening: list[asyncio.Server] = []

    async def prepare(self) -> None:
        """Import and set up the application, and start what it asked aiohttp to start.

        Raises:
            StartError: The application can't be used.
        """
        config = self.config
        host = web.Application()
        self._made = made = await make(config, host, self.certificate)
        self.server, self.monitor = made.server, made.monitor
        config.tracing.warn()
        if config.internal.port is None:
            add_endpoints(host, made.monitor, metrics=config.metrics.enabled)
        elif self._place is None:
            self._internal = internal_server(config, made.monitor)
        if config.api.keys:
            from rtserver.service.api.assemble import api_of

            self._api = api_of(config, made.server, self._place)
            self._api.attach(host, config.api.path, config.tracing.around)
            made.monitor.add(self._api.families)
        listen = config.listen
        made.server.attach(host, listen.path.strip("/"), websocket_path=listen.websocket_path)
        for files in config.static:
            add_static(host, files.prefix, Path(files.folder))
        self._runner = web.AppRunner(
            host, access_log=None, shutdown_timeout=config.shutdown_timeout, keepalive_timeout=KEEP_ALIVE
        )
        try:
            await self._runner.setup()
        except Exception as error:
            raise StartError(f'app: "{config.app}" failed when it started: {fault(error)}') from error

    async def listen(self) -> None:
        """Begin to accept connections.

        Raises:
            StartError: The address can't be used.
        """
        if self._internal is not None:
            await self._internal.start()
        settings = self.config.listen
        self._listeners = open_listeners(settings)
        loop = asyncio.get_running_loop()
        factory, tls = self._protocol_factory(), self._begin_tls()
        for each in self._listeners.sockets:
            self._listening.append(await loop.create_server(factory, sock=each, ssl=tls, backlog=ACCEPTS))
            each.listen(settings.backlog)
        self.urls = self._listeners.urls(secure=tls is not None)

    def open_door(self) -> None:
        """Begin to take connections that other processes of the machine have accepted.

        Raises:
            StartError: The directory of the workers can't be used.
        """
        assert self._place is not None
        assert self.server is not None
        try:
            self.server.eio.join(self._place, self._protocol_factory(), self._begin_tls())
        except OSError as error:
            raise StartError(f"can't listen on {self._place.door}: {error.strerror}") from None

    @property
    def load(self) -> tuple[int, int]:
        """The connections that there are, and how many came through the door since it opened."""
        assert self.server is not None
        assert self._runner is not None
        assert self._runner.server is not None
        engine = self.server.eio
        return engine.connections + len(self._runner.server.connections), engine.arrived

    @property
    def troubles(self) -> list[str]:
        """Why no client should come now."""
        return [] if self.monitor is None else self.monitor.troubles()

    def retire(self) -> None:
        """Say at ``/ready`` that no client should come any more, and go on with all that do."""
        if self.monitor is not None:
            self.monitor.is_draining = True

    def stop_listening(self) -> None:
        """Accept no further connection."""
        for server in self._listening:
            server.close()
        self._listening = []
        if self._listeners is not None:
            self._listeners.remove_file()
            self._listeners = None

    async def drain(self, seconds: float, heirs: Sequence[str] = ()) -> None:
        """Close the clients one after another in so many seconds: not all of them come back at once.

        One whose handler runs, or whose acknowledgment is waited for, is closed when that is over.

        Args:
            seconds: In which they are closed.
            heirs: The names of workers that go on, and have who comes meanwhile.
        """
        self.retire()
        if self.server is not None:
            patience = self.config.shutdown_timeout
            await self.server.drain(seconds, patience=patience, heirs=heirs)

    async def close(self) -> None:
        """Stop accepting, close every connection (WebSockets with code 1001), and end the application."""
        self.stop_listening()
        if self._api is not None:
            await self._api.close(self.config.shutdown_timeout)
        if self.server is not None:
            await self.server.shutdown(patience=self.config.shutdown_timeout)
        if self.certificate is not None:
            self.certificate.close()
        if self._made is not None:
            await self._made.close(self.config.shutdown_timeout)
        if self._internal is not None:
            await self._internal.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def _begin_tls(self) -> ssl.SSLContext | None:
        """Return what to listen with where TLS is spoken, and see to its renewal from now on."""
        if self.certificate is None:
            return None
        self.certificate.watch()
        return self.certificate.context

    def _protocol_factory(self) -> Callable[[], asyncio.Protocol]:
        """Choose who reads a connection from its first byte: the fast lane, or aiohttp for all requests.

        The lane serves our path without aiohttp, which is faster, but what the application has put in
        front of every request of its own would not see ours.
        """
        assert self.server is not None
        assert self._runner is not None
        assert self._runner.server is not None
        host = self._runner.app
        if host.middlewares or host.on_response_prepare:
            factory: Callable[[], asyncio.Protocol] = self._runner.server
        else:
            factory = self.server.eio.lane(self._runner.server)
        return Descriptors(factory, self.server.eio.counters).protocol
