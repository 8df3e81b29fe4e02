from __future__ import annotations

import asyncio
from typing import cast

import pytest

from rtserver.service.monitoring.lag import INTERVAL, LoopLag
from tests.unit.server.harness import ManualLoop


def test_it_measures_again_and_again() -> None:
    loop = ManualLoop()
    lag = LoopLag(cast("asyncio.AbstractEventLoop", loop))
    lag.start()
    loop.advance(10 * INTERVAL)
    assert sum(lag.histogram.buckets) == 10
    loop.now += 1.0  # the loop was busy
    loop.advance(0)
    assert lag.histogram.total == pytest.approx(1.0 - INTERVAL)


async def test_it_stops() -> None:
    lag = LoopLag(asyncio.get_running_loop())
    lag.start()
    lag.stop()
    LoopLag(asyncio.get_running_loop()).stop()
