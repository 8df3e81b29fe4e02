import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import quotas
from benchmarks.quotas import QuotaError, find_controller, limited

V1 = "32 31 0:29 / {folder} rw,relatime shared:4 - cgroup cgroup rw,cpu,cpuacct\n"
V2 = "31 23 0:28 / {folder} rw,relatime - cgroup2 cgroup rw,nsdelegate\n"
OTHER = "33 31 0:30 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"


@pytest.fixture
def mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "mountinfo"
    monkeypatch.setattr(quotas, "MOUNTS", path)
    return path


@pytest.mark.parametrize(
    ("line", "files"),
    [(V1, {"cpu.cfs_period_us": "20000", "cpu.cfs_quota_us": "8000"}), (V2, {"cpu.max": "8000 20000"})],
)
def test_either_version_of_cgroups(mounts: Path, tmp_path: Path, line: str, files: dict[str, str]) -> None:
    (tmp_path / "cgroup.subtree_control").write_text("memory cpu\n")
    mounts.write_text(OTHER + line.format(folder=tmp_path))
    controller = find_controller()
    assert controller.folder == tmp_path
    group = tmp_path / "group"
    group.mkdir()
    controller.limit(group, 0.4)
    assert {file.name: file.read_text() for file in group.iterdir()} == files


def test_without_a_controller(mounts: Path, tmp_path: Path) -> None:
    (tmp_path / "cgroup.subtree_control").write_text("memory\n")
    mounts.write_text(OTHER + V2.format(folder=tmp_path))
    with pytest.raises(QuotaError, match="no controller of processor time"):
        find_controller()


def test_a_process_has_a_quota_until_the_block_ends_or_it_is_said_why_not() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    membership = Path(f"/proc/{process.pid}/cgroup")
    before = membership.read_text()
    try:
        with limited([process.pid], 0.4):
            assert "rtserver-benchmark-" in membership.read_text()
    except QuotaError as error:
        refused = str(error)
        assert refused
    finally:
        after = membership.read_text()
        process.communicate(b"\n")
    assert after == before
