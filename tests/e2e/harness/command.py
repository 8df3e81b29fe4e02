"""The command `rtserver` as a process: its log lines, its exit status."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

__all__ = ["TIMEOUT", "Command", "Commands"]

TIMEOUT = 20.0  # seconds for a start or a stop; each takes a fraction of one


class Command:
    """A running `rtserver`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def line(self, pattern: str) -> re.Match[str]:
        """Wait for a line of the standard error stream that matches."""
        assert self.process.stderr is not None
        async with asyncio.timeout(TIMEOUT):
            while text := await self.process.stderr.readline():
                self.lines.append(text.decode().rstrip("\n"))
                if match := re.search(pattern, self.lines[-1]):
                    return match
        raise AssertionError(f"no line matches {pattern!r}: " + "\n".join(self.lines))

    async def url(self) -> str:
        return (await self.line(r"listening on (\S+)"))[1]

    async def end(self, number: int | None = None) -> tuple[int, str, str]:
        """Send a signal, if any, and wait for the end: status, output, the rest of standard error."""
        if number is not None:
            self.process.send_signal(number)
        async with asyncio.timeout(TIMEOUT):
            output, errors = await self.process.communicate()
        assert self.process.returncode is not None
        assert "Traceback" not in errors.decode()
        return self.process.returncode, output.decode(), errors.decode()


class Commands:
    """Starts commands in a folder, and sees to their end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._commands: list[Command] = []

    def write(self, **files: str) -> None:
        """Write modules of Python into the folder, such as the application."""
        for name, text in files.items():
            (self._folder / f"{name}.py").write_text(text)

    async def serve(self, settings: str, *options: str, env: dict[str, str] | None = None) -> Command:
        """Start a service on a free port.

        Args:
            settings: Its config file.
            options: More of its command line.
            env: Variables of its environment, in addition.
        """
        (self._folder / "rtserver.toml").write_text(settings)
        return await self.start("serve", "--config", "rtserver.toml", "--port", "0", *options, env=env)

    async def start(
        self,
        *arguments: str,
        env: dict[str, str] | None = None,
        program: Sequence[str] = (),
        stdin: bool = False,
        descriptors: Sequence[int] = (),
    ) -> Command:
        """Start a command.

        Args:
            arguments: Its command line.
            env: Variables of its environment, in addition.
            program: What is started, instead of this interpreter with the package.
            stdin: Whether the test types something.
            descriptors: Open files that it gets.
        """
        process = await asyncio.create_subprocess_exec(
            *(program or (sys.executable, "-m", "rtserver")),
            *arguments,
            cwd=self._folder,
            env={key: value for key, value in os.environ.items() if not key.startswith("RTSERVER_")}
            | (env or {}),
            stdin=asyncio.subprocess.PIPE if stdin else None,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=descriptors,
        )
        self._commands.append(Command(process))
        return self._commands[-1]

    async def close(self) -> None:
        """Kill those that still run."""
        for command in self._commands:
            with suppress(ProcessLookupError):
                command.process.kill()
            await command.process.communicate()
