"""Sessions have their turn one after another; those that are busy are closed when they aren't."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rtserver.transport.drain import STEP, close_in_turn


class Sessions:
    """Sessions by number, and what became of them."""

    def __init__(self, count: int, busy: set[int] | None = None) -> None:
        self.all: Any = list(range(count))
        self.busy = busy or set()
        self.closed: list[int] = []
        self.times: list[float] = []
        self._loop = asyncio.get_running_loop()
        self.begin = self._loop.time()

    def close(self, session: Any) -> None:
        self.closed.append(session)
        self.times.append(self._loop.time() - self.begin)

    def is_busy(self, session: Any) -> bool:
        return session in self.busy


async def test_none_at_all() -> None:
    sessions = Sessions(0)
    await close_in_turn(sessions.all, sessions.close, 60, 60, sessions.is_busy)


async def test_they_are_spread_evenly() -> None:
    sessions = Sessions(5)
    await close_in_turn(sessions.all, sessions.close, 0.25)
    assert sessions.closed == [0, 1, 2, 3, 4]
    for number, time in enumerate(sessions.times):
        assert time >= 0.05 * number - 0.01  # none before its turn


async def test_many_at_once_leave_the_loop_to_others() -> None:
    sessions = Sessions(3 * STEP)
    draining = asyncio.ensure_future(close_in_turn(sessions.all, sessions.close, 0))
    seen = set()
    while not draining.done():
        await asyncio.sleep(0)
        seen.add(len(sessions.closed))
    assert {STEP, 2 * STEP, 3 * STEP} <= seen


async def test_one_that_is_busy_is_closed_when_it_has_done() -> None:
    sessions = Sessions(3, busy={1})
    draining = asyncio.ensure_future(close_in_turn(sessions.all, sessions.close, 0, 60, sessions.is_busy))
    async with asyncio.timeout(10):
        while sessions.closed != [0, 2]:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not draining.done()
        sessions.busy.clear()
        await draining
    assert sessions.closed == [0, 2, 1]


async def test_one_that_has_done_is_closed_while_others_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rtserver.transport.drain.TICK", 0)
    sessions = Sessions(4, busy={0})

    def close(session: Any) -> None:
        sessions.busy.clear()
        sessions.close(session)

    await close_in_turn(sessions.all, close, 0.04, 60, sessions.is_busy)
    assert sessions.closed == [1, 0, 2, 3]


async def test_one_that_stays_busy_is_left() -> None:
    sessions = Sessions(2, busy={0})
    await close_in_turn(sessions.all, sessions.close, 0, 0.02, sessions.is_busy)
    assert sessions.closed == [1]
