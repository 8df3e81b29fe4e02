"""The npm lock files hold versions and checksums, and no address: any registry can serve them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted([*ROOT.glob("*/package-lock.json"), *ROOT.glob("*/*/package-lock.json")])


def test_there_are_some() -> None:
    assert ROOT / "client_demo" / "package-lock.json" in LOCKS


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_package_has_an_address(lock: Path) -> None:
    packages = json.loads(lock.read_text())["packages"]
    assert packages[""]
    for name, package in packages.items():
        assert "resolved" not in package, f"{name}: use npm install --omit-lockfile-registry-resolved"
        assert not package.get("version", "").startswith(("http", "git")), name


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_package_has_a_checksum(lock: Path) -> None:
    for name, package in json.loads(lock.read_text())["packages"].items():
        assert not name or "integrity" in package, name
