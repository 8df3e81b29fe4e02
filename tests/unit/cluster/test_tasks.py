from __future__ import annotations

import asyncio

import pytest

from rtserver.cluster.tasks import Tasks
from tests.support.engine import until


async def test_what_runs_is_kept_until_it_ends() -> None:
    tasks, done = Tasks(), asyncio.Event()
    tasks.keep(done.wait())
    assert len(tasks) == 1
    done.set()
    await until(lambda: not len(tasks))


async def test_what_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ValueError("of a test")

    tasks = Tasks()
    tasks.keep(fail())
    await until(lambda: not len(tasks))
    assert "ValueError: of a test" in caplog.text


async def test_what_is_cancelled_ends_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    tasks = Tasks()
    tasks.keep(asyncio.sleep(3600))
    tasks.cancel()
    await until(lambda: not len(tasks))
    assert caplog.text == ""
