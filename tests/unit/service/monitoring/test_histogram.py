from __future__ import annotations

import pytest

from rtserver.service.monitoring.histogram import Histogram


@pytest.mark.parametrize(("seconds", "bucket"), [(0, 0), (0.1, 0), (0.2, 1), (0.5, 1), (9, 2)])
def test_the_buckets(seconds: float, bucket: int) -> None:
    histogram = Histogram((0.1, 0.5))
    histogram.observe(seconds)
    assert histogram.buckets == [int(number == bucket) for number in range(3)]
    assert histogram.total == seconds


def test_the_metric_is_cumulated() -> None:
    histogram = Histogram((0.1, 0.5))
    for seconds in (0.05, 0.25, 1.0):
        histogram.observe(seconds)
    family = histogram.family("x_seconds", "How long it takes.")
    assert (family.name, family.kind, family.help) == ("x_seconds", "histogram", "How long it takes.")
    assert [(each.suffix, dict(each.labels), each.value) for each in family.samples] == [
        ("_bucket", {"le": "0.1"}, 1),
        ("_bucket", {"le": "0.5"}, 2),
        ("_bucket", {"le": "+Inf"}, 3),
        ("_count", {}, 3),
        ("_sum", {}, 1.3),
    ]
