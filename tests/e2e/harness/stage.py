"""Where the commands of the documentation are run: a folder, free ports, services that stop with the test."""

from __future__ import annotations

import asyncio
import os
import random
import re
import shlex
import signal
import socket
import sys
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from tempfile import TemporaryFile

from tests.support.examples import ROOT, Shell, example

from .command import Command, Commands
from .redis import RedisServer

__all__ = ["Stage"]

PATIENCE = 120.0
"""Seconds that a script may take."""
PORTS = ("8000", "8001", "9000", "9001", "9100")
"""The ports of the examples. Other programs may have them, so free ones take their place."""
REDIS = "6379"
_SERVES = re.compile(r"(?:\w+=\S* )*(?:rtserver|make) serve\b")


def free_port() -> int:
    """Choose a port that nobody listens on, and that the system gives to no connection by itself."""
    while True:
        port = random.randrange(20_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


class Stage:
    """A reader's machine.

    Args:
        folder: The reader's folder; a scene may choose another.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._private = folder
        self._ports = {port: str(free_port()) for port in PORTS}
        self._services: list[tuple[Command, bool]] = []
        self._stack = AsyncExitStack()

    @property
    def url(self) -> str:
        """Where the service is that listens at the examples' usual port."""
        return f"http://127.0.0.1:{self._ports['8000']}"

    def example(self, page: str, name: str, file: str) -> None:
        """Write an example of a page to a file."""
        self.write(file, example(page, name))

    def write(self, file: str, text: str) -> None:
        """Write a file of the reader's."""
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._here(text))

    async def redis(self) -> None:
        """Start the Redis that the examples expect."""
        server = await self._stack.enter_async_context(RedisServer(self._private))
        self._ports[REDIS] = str(server.port)

    async def run(self, shell: Shell) -> None:
        """Do what a block of a page says, and check what it prints where it says that.

        A command that serves goes on in the background, as in another terminal.
        """
        if shell.shows_output:
            for command, expected in _dialogue(shell.text):
                printed = await self.script(command, shell.place, check=False)
                self._compare(printed, expected, shell.place)
            return
        script: list[str] = []
        for line in shell.text.replace("\\\n", "").splitlines():
            if _SERVES.match(line):
                await self.script("\n".join(script), shell.place)
                script = []
                await self.serve(line)
            else:
                script.append(line)
        await self.script("\n".join(script), shell.place)

    async def serve(self, line: str) -> None:
        """Start a service by a command line, and wait until it listens."""
        words = shlex.split(self._here(line), comments=True)
        start = next(number for number, word in enumerate(words) if "=" not in word)
        variables = dict(word.split("=", 1) for word in words[:start])
        commands = Commands(self.folder)
        self._stack.push_async_callback(commands.close)
        by_make = words[start] == "make"
        if by_make:  # which needn't look again for what the tests' own make has installed
            installed = (".venv/.installed", "client_demo/node_modules/.package-lock.json")
            program = ["make", *(word for file in installed for word in ("-o", file))]
            command = await commands.start("serve", program=program, env=self._environment() | variables)
        else:
            command = await commands.start(*words[start + 1 :], env=self._environment() | variables)
        self._services.append((command, by_make))
        await command.url()

    async def close(self) -> None:
        """Stop the services as a reader would, and whatever else there is."""
        try:
            for command, by_make in reversed(self._services):
                status, _, errors = await command.end(signal.SIGTERM)
                assert by_make or status == 0, errors
        finally:
            await self._stack.aclose()

    def _here(self, text: str) -> str:
        """Put this stage's ports in the place of a text's."""
        return re.sub(rf"(?<!\d)({'|'.join(self._ports)})(?!\d)", lambda found: self._ports[found[1]], text)

    def _environment(self) -> dict[str, str]:
        programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin"
        (self._private / ".curlrc").write_text("no-progress-meter\n")  # as on a terminal
        return {
            "PATH": programs,
            "PYTHONPATH": str(ROOT),
            "CURL_HOME": str(self._private),
            "RTSERVER_LISTEN__PORT": self._ports["8000"],  # the default, which stands nowhere
        }

    async def script(self, script: str, place: str, *, check: bool = True) -> str:
        """Run a script, and return all that it has printed."""
        if not script.strip():
            return ""
        others = {name: value for name, value in os.environ.items() if not name.startswith("RTSERVER_")}
        with TemporaryFile() as output:  # a pipe wouldn't end before what is left in the background
            # bash takes a socket as its input for a remote login, and would read the user's settings
            process = await asyncio.create_subprocess_exec(
                *("bash", "--norc", "-eu", "-o", "pipefail", "-c", self._here(script)),
                cwd=self.folder,
                env=others | self._environment(),
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
            self._stack.callback(_kill_group, process.pid)
            async with asyncio.timeout(PATIENCE):
                await process.communicate(b"")
            output.seek(0)
            printed = output.read().decode()
        assert not check or process.returncode == 0, f"{place} ends with {process.returncode}:\n{printed}"
        return printed

    def _compare(self, printed: str, expected: str, place: str) -> None:
        """Compare what was printed with what a page shows, where … stands for anything."""
        pattern = re.escape(self._here(expected).strip()).replace("…", ".*")
        assert re.fullmatch(pattern, printed.strip(), re.DOTALL), (
            f"{place} shows\n{expected}\nbut it is\n{printed}"
        )


def _kill_group(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _dialogue(text: str) -> list[tuple[str, str]]:
    """Take a console block apart: commands, and what each prints."""
    pairs: list[tuple[str, str]] = []
    for line in text.splitlines(keepends=True):
        if line.startswith("$ "):
            pairs.append((line[2:], ""))
        elif pairs and pairs[-1][0].endswith("\\\n"):
            pairs[-1] = (pairs[-1][0] + line, "")
        else:
            pairs[-1] = (pairs[-1][0], pairs[-1][1] + line)
    return pairs
