"""A share of a core for a process: so that two of them show on one core what they would do on two."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["QuotaError", "limited"]

PERIOD = 20_000
"""Microseconds in which a process may use its share. Short: a process that has used it up stands still."""
MOUNTS = Path("/proc/self/mountinfo")


class QuotaError(Exception):
    """This machine lets us give no quotas; the message says why."""


@dataclass(frozen=True, slots=True)
class Controller:
    """The kernel's controller of processor time.

    Args:
        folder: The group that ours are made in.
        version: 1 or 2, of cgroups.
    """

    folder: Path
    version: int

    def limit(self, group: Path, share: float) -> None:
        quota = round(PERIOD * share)
        if self.version == 2:
            (group / "cpu.max").write_text(f"{quota} {PERIOD}")
        else:
            (group / "cpu.cfs_period_us").write_text(str(PERIOD))
            (group / "cpu.cfs_quota_us").write_text(str(quota))


def find_controller() -> Controller:
    """Return the controller of this machine.

    Raises:
        QuotaError: There is none.
    """
    for line in MOUNTS.read_text().splitlines():
        fields = line.split()
        kind, options = fields[fields.index("-") + 1], fields[-1].split(",")
        folder = Path(fields[4])
        if kind == "cgroup" and "cpu" in options:
            return Controller(folder, 1)
        if kind == "cgroup2" and "cpu" in (folder / "cgroup.subtree_control").read_text().split():
            return Controller(folder, 2)
    raise QuotaError("no controller of processor time is mounted")


@contextmanager
def limited(pids: Sequence[int], share: float) -> Iterator[None]:
    """Let each of these processes use a share of a core and no more, until the block ends.

    Args:
        pids: The processes.
        share: 0 to 1.

    Raises:
        QuotaError: The system doesn't allow it.
    """
    controller = find_controller()
    groups: list[Path] = []
    try:
        try:
            for pid in pids:
                group = controller.folder / f"rtserver-benchmark-{os.getpid()}-{pid}"
                group.mkdir()
                groups.append(group)
                controller.limit(group, share)
                (group / "cgroup.procs").write_text(str(pid))
        except OSError as error:
            raise QuotaError(str(error)) from error
        yield
    finally:
        for group in groups:
            for member in (group / "cgroup.procs").read_text().split():
                with suppress(OSError):  # it has ended
                    (controller.folder / "cgroup.procs").write_text(member)
            group.rmdir()
