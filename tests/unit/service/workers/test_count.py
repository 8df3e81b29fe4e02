from __future__ import annotations

import os
from pathlib import Path

import pytest

from rtserver.service.workers.count import worker_count


def test_a_number() -> None:
    assert worker_count(3) == 3


@pytest.mark.parametrize(
    ("quota", "count"),
    [
        (None, 8),
        ("max 100000", 8),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("50000 100000", 1),
        ("9900000 100000", 8),
        ("nonsense", 8),
    ],
)
def test_what_the_machine_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str | None, count: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    file = tmp_path / "cpu.max"
    if quota is not None:
        file.write_text(quota + "\n")
    assert worker_count("auto", file) == count


def test_this_machine() -> None:
    assert worker_count("auto") >= 1
