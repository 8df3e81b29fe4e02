"""Close all sessions one after another, and none while its client waits for something."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from rtserver.engineio.handler import Session

__all__ = ["IsBusy", "close_in_turn"]

IsBusy = Callable[[Session], bool]

STEP: Final = 100
"""Sessions that have their turn in one turn of the event loop at the most."""
TICK: Final = 0.05
"""Seconds between two looks at sessions that were busy at their turn."""


async def close_in_turn(
    sessions: Iterable[Session],
    close: Callable[[Session], None],
    seconds: float,
    patience: float = 0.0,
    is_busy: IsBusy | None = None,
) -> None:
    """Give each session its turn, evenly spread: that many clients don't come back at once.

    Args:
        sessions: The sessions.
        close: Closes one of them.
        seconds: In which all have their turn.
        patience: Seconds beyond that for those that are busy. What is still busy then is left open.
        is_busy: Tells that something is under way which the client would lose; such a session is closed when
            that is over. None: none is.
    """
    loop = asyncio.get_running_loop()
    begin, waiting = loop.time(), list(sessions)
    count, looked = len(waiting), begin
    late: set[Session] = set()
    for number, session in enumerate(waiting):
        ahead = begin + seconds * number / count - loop.time()
        if ahead > 0 or number % STEP == 0:
            await asyncio.sleep(max(ahead, 0))
        if late and loop.time() - looked >= TICK:
            looked = loop.time()
            _close_idle(late, close, is_busy)
        if is_busy is not None and is_busy(session):
            late.add(session)
        else:
            close(session)
    end = loop.time() + patience
    while late and loop.time() < end:
        await asyncio.sleep(TICK)
        _close_idle(late, close, is_busy)


def _close_idle(late: set[Session], close: Callable[[Session], None], is_busy: IsBusy | None) -> None:
    """Close those that aren't busy any more, and forget them."""
    assert is_busy is not None
    for session in [each for each in late if not is_busy(each)]:
        late.remove(session)
        close(session)
