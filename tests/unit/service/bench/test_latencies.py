from __future__ import annotations

import math
import pickle

from hypothesis import given
from hypothesis import strategies as st

from rtserver.service.bench.latencies import Latencies

DURATIONS = st.lists(st.floats(0, 3600), min_size=1)


def recorded(durations: list[float]) -> Latencies:
    latencies = Latencies()
    for each in durations:
        latencies.record(each)
    return latencies


@given(DURATIONS, st.sampled_from([1, 50, 90, 99, 100]))
def test_a_percentile_is_what_so_many_did_not_exceed(durations: list[float], percent: float) -> None:
    wanted = sorted(durations)[math.ceil(len(durations) * percent / 100) - 1]
    found = recorded(durations).percentile(percent)
    assert found <= wanted
    assert wanted - found <= wanted / 100 + 1e-6


@given(DURATIONS, DURATIONS)
def test_what_was_seen_elsewhere_is_added(some: list[float], others: list[float]) -> None:
    together = recorded(some)
    together.add(pickle.loads(pickle.dumps(recorded(others))))  # as it comes from another process
    alike = recorded(some + others)
    for percent in (1, 50, 99):
        assert together.percentile(percent) == alike.percentile(percent)
    assert (together.count, together.longest) == (alike.count, alike.longest)


def test_nothing() -> None:
    assert Latencies().percentile(50) == 0


def test_memory_is_bounded() -> None:
    latencies = Latencies()
    for number in range(100_000):
        latencies.record(number / 1000)
    assert len(latencies._counts) < 7000
