"""A server in a process of its own, for what must be measured from outside: its memory."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import aiohttp

__all__ = ["ServerProcess"]

ROOT = Path(__file__).resolve().parents[3]


class ServerProcess:
    """`measured_server.py`, running.

    Args:
        options: The server's options.
    """

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._process: asyncio.subprocess.Process | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> ServerProcess:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", "-m", "tests.e2e.harness.measured_server"),
            json.dumps(self._options),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(20):
            self.port = int(await self._process.stdout.readline())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()  # its end is the server's sign to stop
        try:
            async with asyncio.timeout(10):
                status = await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
            raise AssertionError("the server didn't stop") from None
        assert status == 0

    @property
    def resident(self) -> int:
        """Bytes of memory that the process has now."""
        assert self._process is not None
        pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
        return int(pages) * 4096

    async def stats(self) -> dict[str, Any]:
        """Return what the server says of itself, after a garbage collection."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/stats", timeout=aiohttp.ClientTimeout(10)) as response,
        ):
            stats: dict[str, Any] = await response.json()
            return stats

    async def emit(self, to: str, size: int, count: int, *, volatile: bool = False, keys: int = 0) -> int:
        """Let the server emit numbered messages of `size` bytes to a room or client, one in each turn.

        Args:
            to: The room or client.
            size: Bytes of each message.
            count: How many.
            volatile: Whether they are volatile.
            keys: How many keys they have, in turn; 0 for none.

        Returns:
            The most bytes that waited for one client meanwhile.
        """
        order = {"to": to, "size": size, "count": count, "volatile": volatile, "keys": keys}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}/emit", json=order) as response,
        ):
            assert response.status == 200
            return int((await response.json())["max_waiting"])
