"""The unit files, as systemd's own tools read them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.examples import ROOT

UNITS = ("rtserver.service", "rtserver.socket")


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    path = shutil.which("systemd-analyze")
    assert path is not None, "systemd is missing: run the tests with `make test`, which installs it"
    return subprocess.run([path, *arguments], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def units(tmp_path: Path) -> list[str]:
    """The units, with a command that this machine has."""
    for name in UNITS:
        text = (ROOT / "config/systemd" / name).read_text()
        command = Path(sys.executable).with_name("rtserver")
        (tmp_path / name).write_text(text.replace("/opt/rtserver/bin/rtserver", str(command)))
    return [str(tmp_path / name) for name in UNITS]


def test_they_are_understood(units: list[str]) -> None:
    done = analyze("verify", *units)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_isnt_understood_is_noticed(units: list[str]) -> None:
    service = Path(units[0])
    service.write_text(service.read_text().replace("WatchdogSec=", "WatchdogSecs="))
    assert "WatchdogSecs" in analyze("verify", *units).stderr


def test_the_service_has_few_rights(units: list[str]) -> None:
    done = analyze("security", "--offline=true", "--threshold=20", "--no-pager", units[0])  # of 100
    assert done.returncode == 0, done.stdout
