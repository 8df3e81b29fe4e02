from __future__ import annotations

from collections import Counter

from rtserver.service.workers.balance import Balance


def balance(*workers: str) -> Balance[str]:
    made: Balance[str] = Balance()
    for worker in workers:
        made.add(worker)
    return made


def test_nobody() -> None:
    assert balance().least() is None
    assert not balance()


def test_connections_at_once_are_spread_evenly() -> None:
    made = balance("a", "b", "c")
    counts: Counter[str] = Counter()
    for _ in range(300):
        worker = made.least()
        assert worker is not None
        made.gave(worker)
        counts[worker] += 1
    assert counts == {"a": 100, "b": 100, "c": 100}


def test_sessions_of_clients_with_two_connections_are_spread() -> None:
    made = balance("a", "b")
    firsts: Counter[str] = Counter()
    for number in range(400):
        worker = made.least()
        assert worker is not None
        made.gave(worker)
        firsts[worker] += number % 2 == 0
    assert min(firsts.values()) > 50  # less than that comes once in 10^50 times


def test_the_one_with_the_fewest() -> None:
    made = balance("a", "b")
    made.report("a", connections=5, taken=0)
    assert made.least() == "b"
    assert made.order() == ["b", "a"]
    made.report("b", connections=6, taken=0)
    assert made.least() == "a"


def test_connections_on_their_way_count() -> None:
    made = balance("a", "b")
    for _ in range(3):
        made.gave("a")
    made.report("a", connections=1, taken=1)  # two are on their way
    made.report("b", connections=2, taken=0)
    assert made.least() == "b"
    made.report("a", connections=1, taken=3)  # two have gone already
    assert made.least() == "a"


def test_one_that_is_removed() -> None:
    made = balance("a", "b")
    made.remove("a")
    made.remove("a")
    made.report("a", connections=0, taken=0)
    assert made.least() == "b"
    assert len(made) == 1
