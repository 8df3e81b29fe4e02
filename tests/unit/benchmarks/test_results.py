import pytest

from benchmarks.results import Outcome, Sample, Verdict, ratio, verdict
from benchmarks.scenarios import Goal, Metric

RATE = Metric("echo", "echo", "echo/s", higher_is_better=True)
BYTES = Metric("memory", "memory", "bytes", higher_is_better=False)


def outcome(*values: float, server_cpu: float = 0.0) -> Outcome:
    return Outcome([Sample(number, value, server_cpu=server_cpu) for number, value in enumerate(values)])


def test_ratio_is_the_median_of_the_rounds_ratios_and_not_the_ratio_of_the_medians() -> None:
    # The machine was half as fast in the second round, for both.
    found = ratio(RATE, outcome(200, 120, 210), outcome(100, 50, 100))
    assert found is not None
    assert (found.lowest, found.value, found.highest) == pytest.approx((2.0, 2.1, 2.4))


def test_ratio_above_one_is_better_where_less_is_better() -> None:
    found = ratio(BYTES, outcome(2000), outcome(10_000))
    assert found is not None
    assert found.value == 5


def test_ratio_pairs_rounds_by_number_when_one_is_missing() -> None:
    theirs = Outcome([Sample(1, 50), Sample(2, 100)])
    found = ratio(RATE, outcome(1000, 100, 100), theirs)
    assert found is not None
    assert (found.lowest, found.highest) == (1, 2)


def test_ratio_needs_both_sides_and_no_error() -> None:
    assert ratio(RATE, None, outcome(1)) is None
    assert ratio(RATE, outcome(1), Outcome()) is None
    failed = outcome(1)
    failed.error = "an ack came twice"
    assert ratio(RATE, outcome(1), failed) is None
    assert ratio(RATE, failed, outcome(1)) is None


def test_ratio_per_core_second_divides_by_the_processor_time() -> None:
    # Ours had half of its core only, and was as fast.
    found = ratio(RATE, outcome(100, server_cpu=0.5), outcome(100, server_cpu=1.0))
    assert found is not None
    assert (found.value, found.per_core) == (1, 2)


def test_an_error_takes_the_number_away() -> None:
    found = outcome(100, 300, 200)
    assert found.value == 200
    found.error = "an ack came twice"
    assert found.value is None


@pytest.mark.parametrize(
    ("mine", "expected"), [(800, Verdict.REACHED), (799, Verdict.MISSED), (None, Verdict.UNKNOWN)]
)
def test_goal_against_a_peer(mine: float | None, expected: Verdict) -> None:
    ours = outcome(mine) if mine is not None else None
    assert verdict(Goal(8, "slow"), ours, ratio(RATE, ours, outcome(100))) is expected


@pytest.mark.parametrize(
    ("mine", "expected"), [(4096, Verdict.REACHED), (4097, Verdict.MISSED), (None, Verdict.UNKNOWN)]
)
def test_goal_without_a_peer_is_an_upper_limit(mine: float | None, expected: Verdict) -> None:
    ours = outcome(mine) if mine is not None else None
    assert verdict(Goal(4096), ours, None) is expected
