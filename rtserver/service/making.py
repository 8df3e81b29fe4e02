"""Make the server that the configuration wants, with what stands around it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from rtserver.engineio.handler import PacketHandler
from rtserver.errors import StartError
from rtserver.host import Server
from rtserver.server.event_limits import EventLimiter
from rtserver.service.application import load_application, set_up_application
from rtserver.service.log_context import LogContext
from rtserver.service.monitoring.monitor import Monitor
from rtserver.service.server_options import server_options, without_effect
from rtserver.service.settings import Config
from rtserver.service.tls.certificate import Certificate
from rtserver.service.webhooks.metrics import families

if TYPE_CHECKING:
    from rtserver.service.auth.guard import Guard
    from rtserver.service.webhooks.attach import Attachment
    from rtserver.service.webhooks.backend import Backend

__all__ = ["Made", "make"]

logger = logging.getLogger("rtserver.service")


@dataclass(frozen=True, slots=True)
class Made:
    """A server, and what stands around it.

    Args:
        server: The server.
        monitor: Watches it.
        guard: Asks clients for tokens.
        backend: Decides about clients.
        log_context: Gives log lines the client that they are about.
    """

    server: Server
    monitor: Monitor
    guard: Guard | None = None
    backend: Backend | None = None
    log_context: LogContext | None = None

    async def close(self, patience: float) -> None:
        """End what stands around the server, which has ended.

        Args:
            patience: Seconds that there are to tell the backend of the last clients.
        """
        if self.guard is not None:
            await self.guard.close()
        if self.backend is not None:
            await self.backend.close(patience)
        self.monitor.close()
        if self.log_context is not None:
            self.log_context.end()


async def make(config: Config, host: web.Application, certificate: Certificate | None) -> Made:
    """Import the application, and make its server or take the one that it has made.

    Args:
        config: The configuration.
        host: Where the application may put routes of its own.
        certificate: What clients are shown, which is watched, too.

    Raises:
        StartError: The application can't be used.
    """
    app = config.app
    found = None if app is None else load_application(app, Path(config.app_dir or "."))
    if isinstance(found, Server):
        _accept(found, config)
        return _watch(found, config, certificate)
    server = Server(**server_options(config))
    guard = _guard(server, config)
    backend, attachment = _backend(server, config)
    if config.namespaces:
        from rtserver.service.namespaces.declare import declare

        declare(server, [each.declaration() for each in config.namespaces], guard, backend)
    made = _watch(server, config, certificate, guard, backend)
    if attachment is not None:
        attachment.decide(server)
    if app is not None and found is not None:
        await set_up_application(app, found, server, host)
    if attachment is not None:
        attachment.answer(server)
    return made


def _guard(server: Server, config: Config) -> Guard | None:
    """Ask clients for tokens, where the configuration wants that."""
    if not config.auth.namespaces:
        return None
    from rtserver.service.auth.assemble import guard_of

    guard = guard_of(config, lambda: server.eio.clock)
    admit = config.admin.spare(guard.admit)
    for namespace in config.auth.namespaces:
        server.use(admit, namespace=namespace)
    return guard


def _backend(server: Server, config: Config) -> tuple[Backend | None, Attachment | None]:
    """Make the backend, where there is one, and what it has of an application's namespaces."""
    if config.webhooks.url is None:
        return None, None
    from rtserver.service.webhooks.assemble import attachment_of, backend_of

    backend = backend_of(config, server)
    return backend, attachment_of(config.webhooks, backend)


def _accept(server: Server, config: Config) -> None:
    """Take a server that the application has made, and say which settings come too late for it.

    Raises:
        StartError: Something that has to stand before its handlers does.
    """
    for table, is_wanted, what in (
        ("auth", config.auth.namespaces, "for tokens"),
        ("webhooks", config.webhooks.namespaces, "the backend"),
        ("namespaces", config.namespaces, "what they declare"),
    ):
        if is_wanted:
            raise StartError(
                f'{table}: app = "{config.app}" is a Server that is made already, and can\'t be made'
                f" to ask {what} first; name a function that receives the Server instead"
            )
    if idle := without_effect(config):
        logger.warning(
            "%s: no effect, because app = %r is a Server that has its options already;"
            " name a function that receives the Server instead",
            ", ".join(idle),
            config.app,
        )


def _watch(
    server: Server,
    config: Config,
    certificate: Certificate | None,
    guard: Guard | None = None,
    backend: Backend | None = None,
) -> Made:
    """Put what looks at its clients before a server. Once its engine runs, it would be too late."""
    log_context = None
    if config.log.context:
        assert isinstance(server.eio.handler, PacketHandler)
        server.eio.handler = log_context = LogContext(server.eio.handler)
        log_context.begin()
    config.admin.instrument(server)
    limiter = _limit(server, config)
    monitor = Monitor(server, guard, limiter, counts=config.metrics.enabled)
    if backend is not None:
        monitor.add(partial(families, backend))
    if certificate is not None:
        monitor.add(certificate.families)
    return Made(server, monitor, guard, backend, log_context)


def _limit(server: Server, config: Config) -> EventLimiter | None:
    """Put limits before a server, where the configuration has any."""
    engine, limits = server.eio, config.limits
    engine.gate_limits = limits.gate()
    events = limits.events()
    if events is None:
        return None
    engine.limiter = limiter = EventLimiter(server.codec, events, lambda: engine.clock)
    return limiter
