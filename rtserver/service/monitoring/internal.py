"""A listener of its own for what only operators should see."""

from __future__ import annotations

import logging
from typing import Final

from aiohttp import web

from rtserver.service.listening import tcp_sockets, url
from rtserver.service.monitoring.endpoints import Source, add_endpoints
from rtserver.service.settings import Config

__all__ = ["InternalServer", "internal_server"]

logger = logging.getLogger("rtserver.service")

BACKLOG: Final = 128
"""Connections that wait until they are accepted."""


class InternalServer:
    """Serves the endpoints of monitoring on an address of their own.

    Args:
        host: The address.
        port: The port; 0 for a free one.
        source: Who answers.
        metrics: Whether there are metrics.
    """

    def __init__(self, host: str, port: int, source: Source, metrics: bool) -> None:
        app = web.Application()
        add_endpoints(app, source, metrics)
        self._host = host
        self._port = port
        self._metrics = metrics
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            StartError: The address can't be used.
        """
        await self._runner.setup()
        sockets = tcp_sockets(self._host, self._port, BACKLOG, "internal")
        for each in sockets:
            await web.SockSite(self._runner, each, backlog=BACKLOG).start()
        urls = " and ".join(url(each, "http") for each in sockets)
        logger.info("health and readiness%s on %s", " and metrics" if self._metrics else "", urls)

    async def close(self) -> None:
        """End."""
        await self._runner.cleanup()


def internal_server(config: Config, source: Source) -> InternalServer | None:
    """Make the listener that the configuration asks for; None if it asks for none.

    Args:
        config: The configuration.
        source: Who answers.
    """
    internal = config.internal
    if internal.port is None:
        return None
    return InternalServer(internal.host, internal.port, source, config.metrics.enabled)
