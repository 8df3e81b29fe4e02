"""A Redis for the servers of a cluster, one for each peer."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.processes import free_port, pinned, stop

__all__ = ["Redis", "RedisError", "redis_server"]


class RedisError(Exception):
    """There is no Redis, or it didn't start."""


@dataclass(frozen=True, slots=True)
class Redis:
    """One that takes connections."""

    pid: int
    url: str


@contextmanager
def redis_server(core: int) -> Iterator[Redis]:
    """Run an empty Redis on a core until the block ends.

    Raises:
        RedisError: It isn't installed, or it ended.
    """
    program = shutil.which("redis-server") or shutil.which("redis-server", path="/usr/sbin")
    if program is None:
        raise RedisError("redis-server is not installed")
    port = free_port()
    with pinned(core):
        process = subprocess.Popen(
            (program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            if "Ready to accept connections" in line:
                break
            said.append(line.strip())
        else:
            raise RedisError(f"redis-server ended with status {process.wait()}: {' | '.join(said[-3:])}")
        yield Redis(process.pid, f"redis://127.0.0.1:{port}")
    finally:
        stop(process)
