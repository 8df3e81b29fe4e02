"""A listener of its own for what only operators should see."""

from __future__ import annotations

import logging

from aiohttp import web

from rtserver.errors import StartError
from rtserver.service.monitoring.endpoints import Source, add_endpoints
from rtserver.service.settings import Config

__all__ = ["InternalServer", "internal_server"]

logger = logging.getLogger("rtserver.service")


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
        self.url = ""
        """Where it listens, once it does."""

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            StartError: The address can't be used.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            raise StartError(
                f"internal: can't listen on {self._host} port {self._port}: {error.strerror};"
                " stop the process that has it, or choose another one"
            ) from None
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        logger.info("health and readiness%s on %s", " and metrics" if self._metrics else "", self.url)

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
