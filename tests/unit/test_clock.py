from __future__ import annotations

import pytest

from rtserver.clock import RESOLUTION, Clock, Timer
from tests.support.loop import FakeLoop


@pytest.fixture
def loop() -> FakeLoop:
    return FakeLoop()


@pytest.fixture
def clock(loop: FakeLoop) -> Clock:
    return Clock(loop)


def test_a_timer_fires_once_at_or_after_its_deadline(loop: FakeLoop, clock: Clock) -> None:
    fired: list[float] = []
    timer = Timer(clock, lambda: fired.append(loop.time()))
    timer.set(1.0)
    loop.advance(0.999)
    assert fired == []
    assert timer.is_set
    loop.advance(0.001 + RESOLUTION)
    assert len(fired) == 1
    assert 101.0 <= fired[0] <= 101.0 + RESOLUTION + 1e-9
    assert not timer.is_set
    loop.advance(10)
    assert len(fired) == 1


def test_setting_again_moves_and_cancelling_forgets(loop: FakeLoop, clock: Clock) -> None:
    fired: list[str] = []
    moved, cancelled = Timer(clock, lambda: fired.append("moved")), Timer(clock, lambda: fired.append("no"))
    moved.set(1)
    cancelled.set(1)
    moved.set(2)
    cancelled.cancel()
    cancelled.cancel()
    assert len(clock) == 1
    loop.advance(1.5)
    assert fired == []
    loop.advance(1)
    assert fired == ["moved"]
    assert len(clock) == 0


def test_the_loop_is_not_woken_when_no_timer_is_set(loop: FakeLoop, clock: Clock) -> None:
    Timer(clock, lambda: None).set(0.2)
    loop.advance(5)
    assert loop.calls == []
    fired: list[float] = []
    Timer(clock, lambda: fired.append(loop.time())).set(0.2)
    loop.advance(0.2 + RESOLUTION)
    assert fired == [pytest.approx(105.2, abs=RESOLUTION)]


def test_a_callback_may_set_and_cancel_timers_of_its_own_tick(loop: FakeLoop, clock: Clock) -> None:
    fired: list[str] = []
    second = Timer(clock, lambda: fired.append("second"))

    def callback() -> None:
        fired.append("first")
        second.cancel()
        first.set(0)

    first = Timer(clock, callback)
    first.set(1)
    second.set(1)
    loop.advance(1 + RESOLUTION)
    assert fired == ["first"]
    loop.advance(2 * RESOLUTION)
    assert fired[:2] == ["first", "first"]


def test_a_failing_callback_is_logged_and_the_others_fire(
    loop: FakeLoop, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    fired: list[int] = []
    Timer(clock, lambda: 1 / 0).set(1)
    Timer(clock, lambda: fired.append(1)).set(1)
    loop.advance(2)
    assert fired == [1]
    assert "ZeroDivisionError" in caplog.text


def test_after_the_loop_stalled_all_overdue_timers_fire(loop: FakeLoop, clock: Clock) -> None:
    fired: list[int] = []
    for number in range(5):
        Timer(clock, lambda number=number: fired.append(number)).set(number)  # type: ignore[misc]
    loop.seconds += 60
    loop.advance(0)
    assert sorted(fired) == [0, 1, 2, 3, 4]
