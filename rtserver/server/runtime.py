"""What belongs to one event loop. A server is made at import time, often before any loop runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from rtserver.clock import Clock
from rtserver.server.ordered_start import HandlerTask, OrderedStart

__all__ = ["Runtime"]

CANCELLED: Final = 1.0
"""Seconds that handlers have to end once they were cancelled."""


class Runtime:
    """The loop, its clock, and the handlers that run on it.

    Args:
        loop: The running event loop.
        clock: The clock of that loop.
    """

    __slots__ = ("_ordered", "clock", "loop", "start", "tasks")

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
        self.loop = loop
        self.clock = clock
        self._ordered = OrderedStart(loop)
        self.start: Callable[[Coroutine[Any, Any, Any]], Any] = self._ordered.start
        """Run a coroutine up to its first suspension; see `OrderedStart.start`."""
        self.tasks: set[asyncio.Task[Any]] = set()
        """Whatever runs: the loop itself holds tasks by weak references only."""

    def keep(self, task: asyncio.Task[Any]) -> None:
        """Hold `task` until it has ended."""
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def finish(self, patience: float) -> int:
        """Wait for what runs, then cancel what still does.

        Args:
            patience: Seconds to wait.

        Returns:
            How many were cancelled.
        """
        late: set[asyncio.Task[Any]] = set()
        if running := self.tasks - {asyncio.current_task()}:
            _, late = await asyncio.wait(running, timeout=patience)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=CANCELLED)
        self._ordered.close()
        return len(late)


def is_suspended(result: Any) -> bool:
    """Tell whether what `Runtime.start` returned is a task that goes on."""
    return result.__class__ is HandlerTask
