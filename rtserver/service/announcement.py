"""What the log says of a service that has started."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib import metadata

from rtserver.service.settings import Config

__all__ = ["announce"]

logger = logging.getLogger("rtserver.service")


def announce(config: Config, source: str, urls: Sequence[str], workers: int = 1) -> None:
    """Log what runs, and where it listens.

    Args:
        config: The configuration.
        source: Where it came from.
        urls: What clients open.
        workers: How many processes serve them.
    """
    logger.info("rtserver %s, configuration: %s", metadata.version("rtserver"), source)
    logger.info(
        "transports: %s; event loop: %s; path: /%s/",
        ", ".join(config.engine.transports),
        config.loop,
        config.listen.path.strip("/"),
    )
    if config.listen.websocket_path is not None:
        logger.info("plain WebSocket clients: path /%s", config.listen.websocket_path.strip("/"))
    if config.namespaces:
        logger.info("declared namespaces: %s", ", ".join(each.name for each in config.namespaces))
    if workers > 1:
        logger.info("workers: %d", workers)
    logger.info("listening on %s", " and ".join(urls))
