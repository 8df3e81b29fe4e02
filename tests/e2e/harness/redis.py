"""redis-server, one for each test that asks for it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from redis.asyncio import Redis

__all__ = ["RedisServer", "Sentinel", "free_port", "replicated"]

ATTEMPTS = 5
"""How often another port is tried when the one that was free has been taken."""
PATIENCE = 20.0
"""Seconds that it has to start and to stop."""
MASTER = "main"
"""What Sentinels call the master that they watch."""


def installed() -> str:
    """Return where redis-server is."""
    path = shutil.which("redis-server", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if path is None:
        raise RuntimeError("redis-server is missing: run the tests with `make test`, which installs it")
    return path


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


class RedisServer:
    """A running redis-server, on a port of 127.0.0.1 and on a Unix socket. It keeps nothing on disk.

    Args:
        folder: For its socket.
        options: Further options, as on its command line: ``"--cluster-enabled", "yes"``.
        program: Another server with the same options; Redis if omitted.
    """

    _ready = b"Ready to accept connections"
    """What it says when it takes connections."""

    def __init__(self, folder: Path, *options: str, program: str | None = None) -> None:
        self._program = program
        self._path = folder / "redis.sock"
        self._folder = folder
        self._options = options
        self._process: asyncio.subprocess.Process | None = None
        self._log: asyncio.Task[None] | None = None
        self.port = 0
        """Its port. It is the same after `restart`."""

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def unix_url(self) -> str:
        return f"unix://{self._path}"

    async def __aenter__(self) -> RedisServer:
        for _ in range(ATTEMPTS):
            self.port = free_port()
            if await self._start():
                return self
        raise AssertionError(f"redis-server found no free port {ATTEMPTS} times")

    async def __aexit__(self, *_: object) -> None:
        await self.kill()

    async def kill(self) -> None:
        """End it at once, by its process id: its connections break, and what it knew is gone."""
        if self._process is None:
            return
        if self._process.returncode is None:
            self._process.kill()
        async with asyncio.timeout(PATIENCE):
            await self._process.wait()
            if self._log is not None:
                await self._log
        self._process = self._log = None

    async def restart(self) -> None:
        """Start it again, empty, where it was; kill it before if it still runs."""
        await self.kill()
        assert await self._start(), f"port {self.port} is taken"

    def freeze(self) -> None:
        """Stop the process from running at all: its connections go silent, and stay."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Undo `freeze`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _command(self) -> list[str]:
        place = ("--bind", "127.0.0.1", "--port", str(self.port), "--unixsocket", str(self._path))
        keeps = ("--save", "", "--appendonly", "no", "--dir", str(self._folder))
        return [self._program or installed(), *place, *keeps, *self._options]

    async def _start(self) -> bool:
        """Start it, and wait until it takes connections. Returns False if the port is taken."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said = []
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            async for line in self._process.stdout:
                said.append(line.decode())
                if self._ready in line:
                    self._log = asyncio.create_task(_discard(self._process.stdout))
                    return True
        await self.kill()
        text = "".join(said)
        assert "Address already in use" in text, text
        return False


class Sentinel(RedisServer):
    """A Sentinel, which watches a master and lets a replica take its place when it doesn't answer.

    Args:
        folder: For its configuration.
        master: The master.
    """

    _ready = b"+monitor master"

    def __init__(self, folder: Path, master: RedisServer) -> None:
        super().__init__(folder)
        self._master = master

    @property
    def url(self) -> str:
        return f"redis+sentinel://127.0.0.1:{self.port}/{MASTER}"

    async def knows_a_replica(self) -> None:
        """Wait until there is a replica that can take the master's place."""
        async with Redis.from_url(f"redis://127.0.0.1:{self.port}") as client, asyncio.timeout(PATIENCE):
            while True:
                for replica in await client.sentinel_slaves(MASTER):
                    if replica.get("master-link-status") == "ok":
                        return
                await asyncio.sleep(0.05)

    def _command(self) -> list[str]:
        path = self._folder / "sentinel.conf"
        path.write_text(
            f"bind 127.0.0.1\nport {self.port}\ndir {self._folder}\n"
            f"sentinel monitor {MASTER} 127.0.0.1 {self._master.port} 1\n"
            f"sentinel down-after-milliseconds {MASTER} 500\nsentinel failover-timeout {MASTER} 2000\n"
        )
        return [installed(), str(path), "--sentinel"]


@asynccontextmanager
async def replicated(folder: Path) -> AsyncIterator[tuple[RedisServer, Sentinel]]:
    """Run a master, a replica that can take its place, and a Sentinel that sees to it.

    Args:
        folder: For their folders.
    """
    folders = [folder / name for name in ("master", "replica", "sentinel")]
    for each in folders:
        each.mkdir()
    async with RedisServer(folders[0], "--repl-diskless-sync-delay", "0") as master:
        replica = RedisServer(folders[1], "--replicaof", "127.0.0.1", str(master.port))
        sentinel = Sentinel(folders[2], master)
        async with replica, sentinel:
            await sentinel.knows_a_replica()
            yield master, sentinel


async def _discard(stream: asyncio.StreamReader) -> None:
    """Read to the end, so that what writes needn't wait."""
    while await stream.read(1 << 16):
        pass
