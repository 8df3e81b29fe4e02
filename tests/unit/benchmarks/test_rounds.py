from typing import Any

import pytest

from benchmarks.generator import LoadError
from benchmarks.rounds import idle_samples


def snapshot(time: float, pings: int, cpu: float) -> dict[str, Any]:
    return {"time": time, "pings": pings, "server_cpu_seconds": cpu}


def test_memory_is_what_a_connection_adds() -> None:
    memory, _ = idle_samples(
        1000, 25, (50_000_000, 54_000_000, 55_000_000), snapshot(0, 0, 0), snapshot(25, 1000, 1)
    )
    assert memory.value == 4000


def test_processor_share_over_one_whole_interval_is_its_time_by_the_clock() -> None:
    _, share = idle_samples(10_000, 25, (0, 0, 0), snapshot(100, 500, 3), snapshot(125, 10_500, 3.5))
    assert share.value == pytest.approx(2.0)


def test_processor_share_of_a_shorter_interval_is_scaled_to_25_seconds() -> None:
    _, share = idle_samples(10_000, 5, (0, 0, 0), snapshot(0, 0, 0), snapshot(5, 10_000, 0.5))
    assert share.value == pytest.approx(2.0)


def test_missing_heartbeats_are_an_error() -> None:
    with pytest.raises(LoadError, match=r"8,000 heartbeats in 25\.0 s, 10,000 were due"):
        idle_samples(10_000, 25, (0, 0, 0), snapshot(0, 0, 0), snapshot(25, 8000, 0.5))
