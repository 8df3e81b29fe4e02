from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from rtserver.server.interface.socket import Socket
from rtserver.service.auth import expiry
from rtserver.service.auth.expiry import FARTHEST, Expiry
from tests.unit.server.harness import ManualLoop, manual_clock

NOW = 1_700_000_000.0


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> ManualLoop:
    loop, clock = manual_clock()
    monkeypatch.setattr(expiry, "time", SimpleNamespace(time=lambda: NOW + loop.now))
    loop_with_clock: Any = loop
    loop_with_clock.clock = clock
    return loop


def made(loop: ManualLoop) -> tuple[Expiry, list[float]]:
    asked: list[float] = []
    clock = cast("Any", loop).clock
    return Expiry(cast("Socket", None), {}, "ada", clock, lambda _: asked.append(round(loop.now))), asked


@pytest.mark.parametrize(
    ("lifetime", "asked_at"), [(100, 70), (60, 30), (50, 25), (0, 0), (-10, 0), (3 * FARTHEST, 10_770)]
)
def test_when_the_client_is_asked(loop: ManualLoop, lifetime: float, asked_at: float) -> None:
    one, asked = made(loop)
    one.wait(NOW + lifetime, 30)
    loop.advance(3 * FARTHEST)
    assert asked == [asked_at]


def test_it_can_wait_again(loop: ManualLoop) -> None:
    one, asked = made(loop)
    one.wait(NOW + 100, 30)
    loop.advance(71)
    one.wait(NOW + 200, 30)
    assert one.left() == pytest.approx(129)
    loop.advance(100)
    assert asked == [70, 170]


def test_it_can_be_cancelled(loop: ManualLoop) -> None:
    one, asked = made(loop)
    one.wait(NOW + 100, 30)
    one.cancel("client disconnect")
    loop.advance(200)
    assert asked == []
