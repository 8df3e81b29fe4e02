from __future__ import annotations

from rtserver.service.webhooks.breaker import Breaker, State


def fail(breaker: Breaker, now: float, times: int = 1) -> None:
    for _ in range(times):
        ticket = breaker.begin(now)
        assert ticket is not None
        breaker.failed(ticket, now)


def test_failures_in_a_row_open_it() -> None:
    breaker = Breaker(3, 10.0)
    fail(breaker, 0.0, 2)
    ticket = breaker.begin(0.0)
    assert ticket is not None
    breaker.succeeded(ticket)  # not in a row
    fail(breaker, 1.0, 2)
    assert breaker.state is State.CLOSED
    fail(breaker, 1.0)
    assert (breaker.state, breaker.opened) == (State.OPEN, 1)
    assert breaker.begin(10.9) is None
    assert breaker.wait(10.9) > 0


def test_one_request_is_let_through_to_see() -> None:
    breaker = Breaker(1, 10.0)
    fail(breaker, 0.0)
    assert breaker.wait(10.0) == 0
    ticket = breaker.begin(10.0)
    assert ticket is not None
    assert breaker.begin(10.0) is None
    assert breaker.wait(10.0) > 0
    breaker.succeeded(ticket)
    assert breaker.state is State.CLOSED
    assert breaker.begin(10.0) is not None


def test_one_that_fails_opens_it_again() -> None:
    breaker = Breaker(5, 10.0)
    fail(breaker, 0.0, 5)
    fail(breaker, 10.0)
    assert breaker.state is State.OPEN
    assert breaker.begin(19.9) is None
    assert breaker.begin(20.0) is not None
    assert breaker.opened == 1  # it was the same trouble all the time


def test_one_that_is_given_up_lets_the_next_one_see() -> None:
    breaker = Breaker(1, 10.0)
    fail(breaker, 0.0)
    ticket = breaker.begin(10.0)
    assert ticket is not None
    breaker.abandoned(ticket)
    assert breaker.begin(10.0) is not None


def test_what_began_earlier_doesn_t_count() -> None:
    breaker = Breaker(1, 10.0)
    late, later = breaker.begin(0.0), breaker.begin(0.0)
    assert late is not None
    assert later is not None
    fail(breaker, 0.0)
    breaker.succeeded(late)
    assert breaker.state is State.OPEN
    breaker.failed(later, 9.0)
    assert breaker.wait(9.0) == 1.0


def test_one_that_is_given_up_while_it_is_closed_is_nothing() -> None:
    breaker = Breaker(1, 10.0)
    ticket = breaker.begin(0.0)
    assert ticket is not None
    breaker.abandoned(ticket)
    assert breaker.state is State.CLOSED
