from __future__ import annotations

from collections import Counter

from rtserver.service.bench.plan import Plan, Result
from rtserver.service.bench.report import as_data, report


def result(*, answers: int = 100, busy: float = 0.5) -> Result:
    result = Result(connected=10, connecting=0.5, seconds=2.0, busy=[0.1, busy])
    for _ in range(10):
        result.connects.record(0.02)
    for number in range(answers):
        result.answers.record((number + 1) / 1000)
    return result


def test_answers() -> None:
    assert list(report(Plan("url", connections=10, emit="echo"), result())) == [
        "connected  10 of 10 in 0.5 s: p50 20 ms, p90 20 ms, p99 20 ms, p99.9 20 ms, max 20 ms",
        "answered   50 a second for 2.0 s: p50 50 ms, p90 90 ms, p99 99 ms, p99.9 100 ms, max 100 ms",
        "note       each client waits for its answers, 1 at a time: a slow service is asked less, and the"
        " latencies are those of the load that it can bear.",
    ]


def test_events_for_all() -> None:
    seen = result()
    seen.emitted = 12
    lines = list(report(Plan("url", connections=10, emit="chat", expect="said"), seen))
    assert lines[2:] == ["reached    8.3 of 10 clients by each of 12 events"]


def test_being_there() -> None:
    (line,) = report(Plan("url", connections=10), result(answers=0))
    assert line.startswith("connected")


def test_errors_come_with_their_number_the_most_frequent_first() -> None:
    seen = result(answers=0)
    seen.errors = Counter({"rare": 1, "frequent": 1000})
    assert list(report(Plan("url"), seen))[1:] == ["errors     1,000 × frequent", "errors     1 × rare"]


def test_a_load_test_that_was_busy_says_so() -> None:
    caution = list(report(Plan("url"), result(busy=0.95)))[-1]
    assert caution.startswith("caution    a process of this load test used 95% of a core")
    assert not any(line.startswith("caution") for line in report(Plan("url"), result(busy=0.8)))


def test_the_same_for_programs() -> None:
    data = as_data(result())
    assert data["answers_per_second"] == 50
    assert data["answer_seconds"]["p50"] == 0.05
    assert data["generator_busy"] == [0.1, 0.5]


def test_what_several_processes_saw_is_put_together() -> None:
    one, other = result(), result(answers=50)
    one.emitted, one.errors["x"], other.errors["x"], other.seconds = 7, 1, 2, 3.0
    merged = Result.merged([one, other])
    assert (merged.connected, merged.emitted, merged.seconds) == (20, 7, 3.0)
    assert (merged.answers.count, merged.connects.count) == (150, 20)
    assert merged.errors == {"x": 3}
    assert merged.busy == [0.1, 0.5, 0.1, 0.5]
