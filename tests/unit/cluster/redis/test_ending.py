from __future__ import annotations

import asyncio

import pytest

from rtserver.cluster.redis import ending
from rtserver.cluster.redis.ending import end


async def test_tasks_are_cancelled_and_waited_for() -> None:
    cleaned = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0)
            cleaned.set()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    await end(task, None)
    assert task.cancelled()
    assert cleaned.is_set()
    await end(task)


async def test_one_that_swallows_a_cancellation_is_cancelled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "AGAIN", 0.01)
    swallowed = 0

    async def work() -> None:
        nonlocal swallowed
        while swallowed < 2:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                swallowed += 1
        await asyncio.sleep(3600)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await end(task)
    assert swallowed == 2
    assert task.cancelled()


async def test_what_a_task_ends_with_is_nobodys_concern() -> None:
    async def fail() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            raise ValueError("in the end") from None

    task = asyncio.create_task(fail())
    await asyncio.sleep(0)
    await end(task)
    assert isinstance(task.exception(), ValueError)
