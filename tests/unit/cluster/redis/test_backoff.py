from __future__ import annotations

from rtserver.cluster.redis.backoff import MOST, Backoff


def test_the_waits_double_up_to_a_limit_and_differ_by_chance() -> None:
    waits = [[backoff.fail() for _ in range(10)] for backoff in (Backoff(), Backoff())]
    for attempt, (one, other) in enumerate(zip(*waits, strict=True)):
        most = min(0.05 * 2**attempt, MOST)
        assert most / 2 <= min(one, other)
        assert max(one, other) <= most
    assert waits[0] != waits[1]


def test_a_success_begins_anew() -> None:
    backoff = Backoff()
    for _ in range(10):
        backoff.fail()
    backoff.reset()
    assert backoff.fail() <= 0.05
