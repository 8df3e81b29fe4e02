import os
import subprocess
import sys

from benchmarks.processes import family, pinned, resident_bytes, stop


def test_a_child_inherits_the_core_and_the_runner_keeps_its_own() -> None:
    before = os.sched_getaffinity(0)
    core = max(before)
    with pinned(core):
        shown = subprocess.run(
            [sys.executable, "-c", "import os; print(os.sched_getaffinity(0))"],
            capture_output=True,
            check=True,
            text=True,
        ).stdout
    assert shown.strip() == str({core})
    assert os.sched_getaffinity(0) == before


def test_a_process_that_ignores_sigterm_is_killed() -> None:
    code = "from signal import *; signal(SIGTERM, SIG_IGN); print('ready', flush=True); pause()"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    stop(process, timeout=0.1)
    assert process.returncode == -9


def test_memory_counts_descendants() -> None:
    code = "import sys; print('ready', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        assert process.pid in family(os.getpid())
        assert resident_bytes(os.getpid()) > resident_bytes(process.pid) > 1_000_000
    finally:
        stop(process)
