from __future__ import annotations

import asyncio
import os
import signal

import pytest

from rtserver.service import process
from rtserver.service.process import Stop


class Slow:
    """Something that never ends by itself."""

    def __init__(self) -> None:
        self.was_cancelled = False

    async def run(self) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise


async def fail() -> None:
    raise ValueError("no")


async def test_signals() -> None:
    stop, slow = Stop(), Slow()
    loop = asyncio.get_running_loop()
    stop.on_signals(signal.SIGUSR1, signal.SIGUSR2)
    try:
        assert not stop.is_wanted
        os.kill(os.getpid(), signal.SIGUSR1)
        async with asyncio.timeout(10):
            await stop.wait()
        assert stop.is_wanted
        os.kill(os.getpid(), signal.SIGUSR2)
        async with asyncio.timeout(10):
            await stop.unless_hurried(slow.run())
        assert slow.was_cancelled
        assert stop.reason == "SIGUSR1 received"
    finally:
        loop.remove_signal_handler(signal.SIGUSR1)
        loop.remove_signal_handler(signal.SIGUSR2)


async def test_something_until_the_end_is_wanted() -> None:
    stop, slow = Stop(), Slow()
    asyncio.get_running_loop().call_soon(stop.want, "enough")
    async with asyncio.timeout(10):
        await stop.unless_wanted(slow.run())
    assert slow.was_cancelled


@pytest.mark.parametrize("way", [Stop.unless_wanted, Stop.unless_hurried, Stop.in_time])
async def test_failures_come_through(way: object) -> None:
    assert callable(way)
    with pytest.raises(ValueError, match="no"):
        await way(Stop(), fail())


async def test_the_end_has_all_the_time_it_needs() -> None:
    stop = Stop()
    stop.want("enough")
    done = asyncio.Event()

    async def end() -> None:
        await asyncio.sleep(0.02)
        done.set()

    await stop.in_time(end())
    assert done.is_set()


async def test_the_end_has_a_moment_in_a_hurry(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(process, "HURRY", 0.01)
    stop, slow = Stop(), Slow()
    stop.hurry()
    async with asyncio.timeout(10):
        await stop.in_time(slow.run())
    assert slow.was_cancelled
    assert "not everything had ended after 0.01 seconds" in caplog.text
