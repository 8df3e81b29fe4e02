from typing import Any

import pytest

from benchmarks.generator import LoadError
from benchmarks.idle import idle_memory, idle_processor


def snapshot(time: float, pings: int, cpu: float) -> dict[str, Any]:
    return {"time": time, "pings": pings, "server_cpu_seconds": cpu}


def test_memory_is_what_a_connection_adds() -> None:
    assert idle_memory(1000, 50_000_000, 54_000_000, 55_000_000).value == 4000


def test_processor_share_over_one_whole_interval_is_its_time_by_the_clock() -> None:
    share = idle_processor(10_000, 25, snapshot(100, 500, 3), snapshot(125, 10_500, 3.5))
    assert share.value == pytest.approx(2.0)


def test_processor_share_of_a_shorter_interval_is_scaled_to_25_seconds() -> None:
    share = idle_processor(10_000, 5, snapshot(0, 0, 0), snapshot(5, 10_000, 0.5))
    assert share.value == pytest.approx(2.0)


def test_heartbeats_a_little_late_are_scaled_up_and_not_to_advantage() -> None:
    share = idle_processor(10_000, 25, snapshot(0, 0, 0), snapshot(25, 9500, 0.475))
    assert share.value == pytest.approx(2.0)


def test_missing_heartbeats_are_an_error() -> None:
    with pytest.raises(LoadError, match=r"8,000 heartbeats in 25\.0 s, 10,000 were due"):
        idle_processor(10_000, 25, snapshot(0, 0, 0), snapshot(25, 8000, 0.5))
