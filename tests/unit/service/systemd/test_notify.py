"""What systemd is told, by a socket made as systemd makes it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtserver.service.systemd.notify import Notifier
from tests.support.systemd import Systemd


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Systemd]:
    name = f"@rtserver-test-{os.getpid()}" if request.param == "abstract" else str(tmp_path / "notify")
    systemd = Systemd(name)
    yield systemd
    systemd.close()


def test_states(systemd: Systemd) -> None:
    notifier = Notifier(systemd.address)
    notifier.ready("listening on\nhttp://127.0.0.1:8000")
    assert systemd.heard() == ["READY=1", "STATUS=listening on http://127.0.0.1:8000"]
    before = time.monotonic_ns() // 1000
    notifier.reloading()
    first, second = systemd.heard()
    assert first == "RELOADING=1"
    name, _, stamp = second.partition("=")
    assert name == "MONOTONIC_USEC"
    assert before <= int(stamp) <= time.monotonic_ns() // 1000
    notifier.stopping("SIGTERM received", 42.5)
    assert systemd.heard() == ["STOPPING=1", "STATUS=SIGTERM received", "EXTEND_TIMEOUT_USEC=42500000"]


async def test_signs_of_life(systemd: Systemd) -> None:
    notifier = Notifier(systemd.address, watchdog=0.02)
    notifier.ready("here")
    assert (await systemd.next())[0] == "READY=1"
    for _ in range(3):
        assert await systemd.next() == ["WATCHDOG=1"]
    notifier.ready("again")
    while (await systemd.next())[0] != "READY=1":
        pass
    notifier.close()
    notifier.close()


async def test_a_loop_that_stands_still_shows_no_life(systemd: Systemd) -> None:
    notifier = Notifier(systemd.address, watchdog=0.02)
    notifier.ready("here")
    assert systemd.heard()[0] == "READY=1"
    assert systemd.heard() == ["WATCHDOG=1"]
    with pytest.raises(TimeoutError):
        systemd.heard(patience=0.1)  # which keeps the loop from running
    notifier.close()


def test_the_environment_is_read_and_forgotten() -> None:
    environment = {
        "NOTIFY_SOCKET": "/run/n",
        "WATCHDOG_USEC": "3000000",
        "WATCHDOG_PID": str(os.getpid()),
        "A": "1",
    }
    notifier = Notifier.of_environment(environment)
    assert environment == {"A": "1"}
    assert (notifier._address, notifier._watchdog) == ("/run/n", 3.0)


@pytest.mark.parametrize(
    "environment",
    [
        {"NOTIFY_SOCKET": "/run/n"},
        {"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "0"},
        {"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "soon"},
        {"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"},
    ],
)
def test_no_watchdog(environment: dict[str, str]) -> None:
    assert Notifier.of_environment(environment)._watchdog is None


def test_without_systemd_nothing_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    notifier = Notifier.of_environment({})
    notifier.ready("here")
    notifier.stopping("bye", 1)
    assert caplog.text == ""


def test_systemd_has_gone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Notifier(str(tmp_path / "nobody")).ready("here")
    assert f"can't tell systemd READY=1 at {tmp_path / 'nobody'}: " in caplog.text
