"""A Node.js program of `node/`, and the lines that it and a test exchange (`node/lines.js`)."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from .events import EventLog
from .values import unpack

__all__ = ["PROGRAMS", "Channel", "NodeProcess"]

HERE = Path(__file__).resolve().parent.parent
PROGRAMS = HERE / "node"


class NodeProcess:
    """A running program. It outlives event loops: each test attaches a `Channel` of its own to it.

    Args:
        program: A file of `PROGRAMS`.
        arguments: What it finds in `process.argv`.
    """

    def __init__(self, program: str, *arguments: str) -> None:
        node = shutil.which("node")
        if node is None or not (HERE / "node_modules" / "socket.io-client").is_dir():
            missing = "Node.js" if node is None else "tests/e2e/node_modules"
            raise RuntimeError(
                f"{missing} is missing: run the tests with `make test`, which installs what they need "
                "(`npm ci` in tests/e2e)"
            )
        self._process = subprocess.Popen(
            [node, str(PROGRAMS / program), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            cwd=HERE,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.stdin = self._process.stdin
        self.stdout = self._process.stdout
        # Neither side may wait for the other to read: the program writes its lines synchronously.
        os.set_blocking(self.stdin.fileno(), False)
        os.set_blocking(self.stdout.fileno(), False)

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def freeze(self) -> None:
        """Stop the process from running at all: its connections go silent, and stay."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Undo `freeze`."""
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End this process, by its id."""
        self._process.kill()
        self._process.wait()
        self.stdin.close()
        self.stdout.close()


class Channel:
    """A test's view of a program: gives it commands, and keeps what it tells of.

    Args:
        process: The program.
    """

    def __init__(self, process: NodeProcess) -> None:
        self.process = process
        self._loop = asyncio.get_running_loop()
        self._ids = itertools.count(1)
        self._replies: dict[int, asyncio.Future[Any]] = {}
        self._logs: dict[str, EventLog] = {}
        self._partial = b""
        self._unwritten = bytearray()
        self._loop.add_reader(process.stdout.fileno(), self._read)

    def _read(self) -> None:
        try:
            data = os.read(self.process.stdout.fileno(), 1 << 20)
        except BlockingIOError:
            return
        if not data:
            self._loop.remove_reader(self.process.stdout.fileno())
            for future in self._replies.values():
                future.set_exception(RuntimeError("the Node.js program has ended; its error is above"))
            return
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            self._handle(json.loads(line))

    def _handle(self, line: dict[str, Any]) -> None:
        if "reply" not in line:
            log = self._logs.get(line["from"])
            if log is not None:
                log.add(line["event"], *unpack(line["args"]))
            return
        future = self._replies.pop(line["reply"], None)
        if future is None or future.done():
            return
        if "error" in line:
            future.set_exception(RuntimeError(line["error"]))
        else:
            future.set_result(unpack(line["value"]))

    def send(self, command: str, **parameters: Any) -> asyncio.Future[Any]:
        """Give a command to the program; the future has its reply."""
        number = next(self._ids)
        future = self._replies[number] = self._loop.create_future()
        line = json.dumps({"id": number, "command": command, **parameters})
        self._unwritten += line.encode() + b"\n"
        self._write()
        return future

    def _write(self) -> None:
        descriptor = self.process.stdin.fileno()
        with suppress(BlockingIOError):
            del self._unwritten[: os.write(descriptor, self._unwritten)]
        if self._unwritten:
            self._loop.add_writer(descriptor, self._write)
        else:
            self._loop.remove_writer(descriptor)

    async def do(self, command: str, patience: float = 20, **parameters: Any) -> Any:
        """Give a command to the program and wait for its reply."""
        async with asyncio.timeout(patience):
            return await self.send(command, **parameters)

    def log(self, name: str) -> EventLog:
        """Begin a log of what happens to the one of this name."""
        log = self._logs[name] = EventLog(name)
        return log

    def close(self) -> None:
        """Leave the program, which runs on."""
        self._loop.remove_reader(self.process.stdout.fileno())
        self._loop.remove_writer(self.process.stdin.fileno())
