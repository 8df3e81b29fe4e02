"""A redis-server for a whole run of tests, each of which has a key of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

PATIENCE = 20.0
"""Seconds that it has to start."""


@contextmanager
def running_redis(folder: Path, *options: str) -> Iterator[str]:
    """Run redis-server on a Unix socket in a folder. Gives its URL."""
    path = shutil.which("redis-server", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if path is None:
        raise RuntimeError("redis-server is missing: run the tests with `make test`, which installs it")
    socket = folder / "redis.sock"
    process = subprocess.Popen(
        [path, "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(folder), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(f"unix://{socket}", process)
        yield f"unix://{socket}"
    finally:
        process.kill()
        process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE
    with redis.Redis.from_url(url) as client:
        while True:
            try:
                client.ping()
                return
            except redis.ConnectionError:
                assert process.poll() is None, "redis-server ended"
                assert time.monotonic() < end, f"redis-server didn't start within {PATIENCE:g} s"
                time.sleep(0.01)
