from __future__ import annotations

import pytest

from rtserver.service.namespaces.rate import Allowance, EventRate


def test_a_burst_and_then_the_average() -> None:
    allowance = Allowance(EventRate(per_second=2, burst=3), 100.0)
    assert [allowance.spend(100.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert allowance.spend(100.25) == 0.25
    assert allowance.spend(100.5) == 0.0
    assert allowance.spend(100.5) == 0.5


def test_a_pause_gives_no_more_than_a_burst() -> None:
    allowance = Allowance(EventRate(per_second=10, burst=2), 0.0)
    assert [allowance.spend(1000.0) for _ in range(3)] == [0.0, 0.0, 0.1]


@pytest.mark.parametrize("per_second", [0.3, 7, 300, 100_000])
def test_after_the_time_that_one_is_told_there_is_room(per_second: float) -> None:
    allowance = Allowance(EventRate(per_second, 1), 0.0)
    assert allowance.spend(0.0) == 0.0
    wait = allowance.spend(0.0)
    assert wait == round(wait, 2) > 0.0
    assert allowance.spend(wait) == 0.0
