"""A program of the machine, such as a reverse proxy, that listens on sockets of the test."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

__all__ = ["Program"]


class Program:
    """A program with files in a folder of the test. What runs ends with it.

    Args:
        folder: For its files.
    """

    name: str
    """What it is called on the machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._sockets = ExitStack()
        self._process: asyncio.subprocess.Process | None = None

    def listen(self) -> socket.socket:
        """Listen before the program does: clients needn't wait for it."""
        return self._sockets.enter_context(socket.create_server(("127.0.0.1", 0)))

    async def run(self, *arguments: str, inherited: Sequence[socket.socket], **variables: str) -> None:
        """Start it.

        Args:
            arguments: Its command line.
            inherited: The sockets on which it listens.
            variables: Its environment.
        """
        path = shutil.which(self.name, path=os.environ.get("PATH", "") + ":/usr/sbin")
        assert path is not None, f"{self.name} is missing: run the tests with `make test`, which installs it"
        self._process = await asyncio.create_subprocess_exec(
            path,
            *arguments,
            env=variables,
            pass_fds=[each.fileno() for each in inherited],
            stdout=asyncio.subprocess.DEVNULL,
        )

    async def __aexit__(self, *_: object) -> None:
        self._sockets.close()
        if self._process is not None:
            if self._process.returncode is None:
                self._process.terminate()
            await self._process.wait()
