"""Run the service in this process: begin, announce it, end."""

from __future__ import annotations

import asyncio
import logging
import signal

from rtserver.service.announcement import announce
from rtserver.service.assemble import Service
from rtserver.service.process import (
    Stop,
    keep_freed_memory,
    loop_factory,
    raise_file_limit,
    spare_the_garbage_collector,
)
from rtserver.service.settings import Config

__all__ = ["run"]

logger = logging.getLogger("rtserver.service")


def run(config: Config, source: str) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        config: The configuration.
        source: Where it came from, for the log.

    Raises:
        ConfigError: The TLS files can't be used.
        StartError: The application, the event loop or the address can't be used.
    """
    with asyncio.Runner(loop_factory=loop_factory(config.loop)) as runner:
        runner.run(_serve(config, source))


async def _serve(config: Config, source: str) -> None:
    service, stop = Service(config), Stop()
    try:
        await service.prepare()
        stop.on_signals(signal.SIGINT, signal.SIGTERM)
        raise_file_limit()
        await service.listen()
        spare_the_garbage_collector()
        keep_freed_memory()
        announce(config, source, service.urls)
        await stop.wait()
        logger.info("stopping: %s", stop.reason)
        service.stop_listening()
        await stop.unless_hurried(service.drain(config.drain_time))
    finally:
        await stop.in_time(service.close())
    logger.info("stopped")
