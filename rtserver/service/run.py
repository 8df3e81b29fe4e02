"""Run the service in this process: event loop, signals, limits of the process, memory."""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import signal
from collections.abc import Callable
from importlib import metadata

from rtserver.errors import StartError
from rtserver.service.assemble import Service
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
    with asyncio.Runner(loop_factory=_loop_factory(config)) as runner:
        runner.run(_serve(config, source))


async def _serve(config: Config, source: str) -> None:
    service = Service(config)
    try:
        await service.prepare()
        stop = _stop_on_signals()
        _raise_file_limit()
        await service.listen()
        _spare_the_garbage_collector()
        _keep_freed_memory()
        _announce(service, source)
        logger.info("stopping: %s received", await stop)
    finally:
        await service.close()
    logger.info("stopped")


def _loop_factory(config: Config) -> Callable[[], asyncio.AbstractEventLoop]:
    if config.loop == "asyncio":
        return asyncio.new_event_loop
    try:
        import uvloop  # noqa: PLC0415 - not installed on every platform
    except ImportError:
        raise StartError('loop: "uvloop" isn\'t installed; install it or set loop = "asyncio"') from None
    return uvloop.new_event_loop


def _stop_on_signals() -> asyncio.Future[str]:
    """Make a future that the first SIGINT or SIGTERM completes with its name."""
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[str] = loop.create_future()

    def receive(name: str) -> None:
        if not stop.done():
            stop.set_result(name)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, receive, number.name)
    return stop


def _raise_file_limit() -> None:
    """Let the process have as many connections as the system allows: the soft limit is often only 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _spare_the_garbage_collector() -> None:
    """Make the collector's pauses short and its full collections rare.

    A full collection stops the loop while it looks at every object, and nearly all of ours live as long
    as the process or a connection. With 8,000 clients one took 240 ms. Without the 57,000 objects of the
    start-up, which ``freeze`` takes out, it takes 120 ms, and with these thresholds it comes after
    14 times as many new objects as by default. A collection of 5,000 young objects takes about 1 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 10, 20)


def _keep_freed_memory() -> None:
    """Let glibc keep the memory that large messages are made in, up to 4 MiB.

    By default it gives the top of its heap back to the system as soon as 128 KiB there are free, and has it
    back, zeroed page by page, a moment later. An echo of 64 KB cost 40 page faults, and 2.4 times as much
    processor time. When a block with a mapping of its own is freed, the limit becomes twice its size, and
    smaller blocks get no mapping any more: mallopt(3), M_MMAP_THRESHOLD. Other C libraries don't notice.
    """
    bytes(2 * 1024 * 1024)


def _announce(service: Service, source: str) -> None:
    config = service.config
    logger.info("rtserver %s, configuration: %s", metadata.version("rtserver"), source)
    logger.info(
        "transports: %s; event loop: %s; path: /%s/",
        ", ".join(config.engine.transports),
        config.loop,
        config.listen.path.strip("/"),
    )
    if config.listen.websocket_path is not None:
        logger.info("plain WebSocket clients: path /%s", config.listen.websocket_path.strip("/"))
    logger.info("listening on %s", " and ".join(service.urls))
