"""How tasks that talk to Redis are ended."""

from __future__ import annotations

import asyncio
from typing import Final

__all__ = ["end"]

AGAIN: Final = 0.5
"""Seconds after which a task is cancelled again."""


async def end(*tasks: asyncio.Future[None] | None) -> None:
    """Cancel tasks, and return when they have ended, whatever with. None stands for one that never began.

    redis-py may swallow a cancellation. A task that goes on after that would be waited for without end.
    """
    pending = {task for task in tasks if task is not None and not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        ended, pending = await asyncio.wait(pending, timeout=AGAIN)
        for task in ended:
            if not task.cancelled():
                task.exception()  # or the loop complains that nobody has asked
