from __future__ import annotations

import asyncio
from typing import cast

import pytest

from rtserver.service.monitoring.lag import BOUNDS, INTERVAL, LoopLag
from tests.unit.server.harness import ManualLoop


@pytest.mark.parametrize(("late", "bucket"), [(0, 0), (0.001, 0), (0.002, 1), (0.3, 8), (2.5, 10), (9, 11)])
def test_the_buckets(late: float, bucket: int) -> None:
    lag = LoopLag(cast("asyncio.AbstractEventLoop", ManualLoop()))
    lag.observe(late)
    assert lag.buckets == [int(number == bucket) for number in range(len(BOUNDS) + 1)]
    assert lag.total == late


def test_it_measures_again_and_again() -> None:
    loop = ManualLoop()
    lag = LoopLag(cast("asyncio.AbstractEventLoop", loop))
    lag.start()
    loop.advance(10 * INTERVAL)
    assert sum(lag.buckets) == 10
    loop.now += 1.0  # the loop was busy
    loop.advance(0)
    assert lag.total == pytest.approx(1.0 - INTERVAL)


async def test_it_stops() -> None:
    lag = LoopLag(asyncio.get_running_loop())
    lag.start()
    lag.stop()
    LoopLag(asyncio.get_running_loop()).stop()
