"""What a server of a cluster does in the background."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any

__all__ = ["Tasks"]

logger = logging.getLogger("rtserver.cluster")


class Tasks:
    """Tasks that nobody waits for. What one fails with is logged."""

    __slots__ = ("_running",)

    def __init__(self) -> None:
        self._running: set[asyncio.Future[Any]] = set()

    def __len__(self) -> int:
        """Return how many run."""
        return len(self._running)

    def keep(self, waiting: Awaitable[Any]) -> None:
        """Run something to its end."""
        task = asyncio.ensure_future(waiting)
        self._running.add(task)
        task.add_done_callback(self._ended)

    def cancel(self) -> None:
        """Let none go on."""
        for task in self._running:
            task.cancel()

    def _ended(self, task: asyncio.Future[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a request of the cluster failed", exc_info=error)
