"""The load generator: compiled here when its source has changed, run on a core of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.processes import pinned, stop

__all__ = ["BUILD", "BuildError", "Generator", "IdleClients", "LoadError", "compile_program"]

HERE = Path(__file__).parent
BUILD = HERE / "build"
FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Werror")
RUN_TIMEOUT = 90.0
"""Seconds; the generator fails by itself when nothing comes for 20."""


class BuildError(Exception):
    """A C program can't be built."""


class LoadError(Exception):
    """A run with an error: its number would mean nothing."""


def compile_program(name: str, sources: Sequence[Path]) -> Path:
    """Compile C sources unless the program is newer than they are.

    Raises:
        BuildError: There is no compiler, or it refused.
    """
    program = BUILD / name
    inputs = [*sources, *sources[0].parent.glob("*.h")]
    if program.exists() and program.stat().st_mtime > max(path.stat().st_mtime for path in inputs):
        return program
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise BuildError("gcc is not installed")
    BUILD.mkdir(exist_ok=True)
    unfinished = BUILD / f"{name}.tmp"
    run = subprocess.run(
        [compiler, *FLAGS, "-o", str(unfinished), *map(str, sources)],
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise BuildError(f"{name}: {run.stderr.strip()}")
    return unfinished.replace(program)


class Generator:
    """Runs the load generator on one core.

    Args:
        core: The core.
        spin: Whether it may keep its core awake: only when no server runs there.
    """

    def __init__(self, core: int, spin: bool) -> None:
        self.program = compile_program("load", sorted((HERE / "load").glob("*.c")))
        self.core = core
        self.spin = spin

    def command(
        self, mode: str, ports: Sequence[int], pids: Sequence[int], query: str = "", **arguments: float
    ) -> list[str]:
        """Return the command line of a run."""
        command = [str(self.program), mode]
        for port in ports:
            command += ["--port", str(port)]
        for pid in pids:
            command += ["--server-pid", str(pid)]
        if query:
            command += ["--query", query]
        for name, value in arguments.items():
            command += [f"--{name}", f"{value:g}"]
        return [*command, "--spin"] if self.spin else command

    def run(
        self, mode: str, ports: Sequence[int], pids: Sequence[int], query: str = "", **arguments: float
    ) -> dict[str, Any]:
        """Run one measurement to its end.

        Args:
            mode: What the clients do.
            ports: Where the servers are: connections go to them in turns.
            pids: The processes whose processor time is the servers'.
            query: What the requests of clients have in their query besides.
            arguments: The generator's other arguments.

        Raises:
            LoadError: Anything was wrong; the message says what.
        """
        process = self._start(self.command(mode, ports, pids, query, **arguments))
        try:
            output, _ = process.communicate(timeout=RUN_TIMEOUT)
        except subprocess.TimeoutExpired:
            raise LoadError(f"the generator did not end in {RUN_TIMEOUT:g} s") from None
        finally:
            stop(process)
        return parse(output, process.returncode)

    @contextmanager
    def idle(self, ports: Sequence[int], pids: Sequence[int], connections: int) -> Iterator[IdleClients]:
        """Connect idle clients, which answer heartbeats until the block ends.

        Raises:
            LoadError: They couldn't connect.
        """
        process = self._start(self.command("idle", ports, pids, connections=connections))
        try:
            yield IdleClients(process)
            assert process.stdin is not None
            process.stdin.close()
            process.wait(RUN_TIMEOUT)
        finally:
            stop(process)

    def _start(self, command: list[str]) -> subprocess.Popen[str]:
        with pinned(self.core):
            return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


class IdleClients:
    """Idle clients, all connected.

    Args:
        process: The generator that holds them.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._read()

    def snapshot(self) -> dict[str, Any]:
        """Return the time, the heartbeats answered and the server's processor seconds so far."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return parse(line, 0)


def parse(output: str, status: int) -> dict[str, Any]:
    """Return the generator's line of JSON.

    Raises:
        LoadError: It reports an error, or it ended without a result.
    """
    try:
        result: dict[str, Any] = json.loads(output)
    except ValueError:
        raise LoadError(f"the generator ended with status {status} and {output.strip()[:200]!r}") from None
    if "error" in result:
        raise LoadError(result["error"])
    return result
