"""Run the service in this process: begin, announce it, end."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable

from rtserver.service.announcement import announce
from rtserver.service.assemble import Service
from rtserver.service.ending import longest_end
from rtserver.service.process import (
    Stop,
    keep_freed_memory,
    loop_factory,
    raise_file_limit,
    spare_the_garbage_collector,
)
from rtserver.service.reload import reload
from rtserver.service.settings import Config
from rtserver.service.systemd.notify import Notifier

__all__ = ["run"]

logger = logging.getLogger("rtserver.service")


def run(config: Config, source: str, load: Callable[[], Config]) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        config: The configuration.
        source: Where it came from, for the log.
        load: Reads it again, at SIGHUP.

    Raises:
        ConfigError: The TLS files can't be used.
        StartError: The application, the event loop or the address can't be used.
    """
    with asyncio.Runner(loop_factory=loop_factory(config.loop)) as runner:
        runner.run(_serve(config, source, load))


async def _serve(config: Config, source: str, load: Callable[[], Config]) -> None:
    service, stop, systemd = Service(config), Stop(), Notifier.of_environment()
    # It would end the process otherwise.
    asyncio.get_running_loop().add_signal_handler(
        signal.SIGHUP, logger.info, "SIGHUP ignored: the start goes on"
    )
    try:
        await service.prepare()
        stop.on_signals(signal.SIGINT, signal.SIGTERM)
        raise_file_limit()
        await service.listen()
        spare_the_garbage_collector()
        keep_freed_memory()
        announce(config, source, service.urls)
        _on_hangup(service, systemd, load)
        await stop.wait()
        logger.info("stopping: %s", stop.reason)
        systemd.stopping(stop.reason, longest_end(service.config))
        service.retire()
        await stop.unless_hurried(asyncio.sleep(service.config.drain_delay))
        service.stop_listening()
        await stop.unless_hurried(service.drain(service.config.drain_time))
    finally:
        await stop.in_time(service.close())
        systemd.close()
    logger.info("stopped")


def _on_hangup(service: Service, systemd: Notifier, load: Callable[[], Config]) -> None:
    """Tell systemd that the service is ready, and again after each SIGHUP, which reads the configuration."""
    status = f"listening on {' and '.join(service.urls)}"

    def hangup() -> None:
        systemd.reloading()
        systemd.ready(status, refused=not reload(service, load))

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hangup)
    systemd.ready(status)
