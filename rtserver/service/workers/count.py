"""How many workers there are, where the configuration leaves it to the machine."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Final, Literal

__all__ = ["worker_count"]

_QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")
"""Processor time that the container has: microseconds of each period (Linux, cgroup-v2, "cpu.max")."""


def worker_count(workers: int | Literal["auto"], quota: Path = _QUOTA) -> int:
    """Return the number of workers that a setting stands for.

    Args:
        workers: The setting. ``"auto"`` is one for each processor that this process may use.
        quota: The file with the limit of the container, if there is one.
    """
    if workers != "auto":
        return workers
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(usable, _allowed(quota)))


def _allowed(quota: Path) -> int:
    """Return the processors that a container's quota amounts to, rounded up."""
    try:
        share, period = quota.read_text().split()
        return math.ceil(int(share) / int(period))
    except (OSError, ValueError):  # no such file, or "max": no limit
        return 1_000_000
