"""A worker's process, as the supervisor has it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from rtserver.cluster.workers.place import Place
from rtserver.errors import ConfigError, RtserverError, StartError
from rtserver.service.settings import Config
from rtserver.service.workers.control import Begin, Channel, Failed, Message

__all__ = ["Child", "End"]

LAST_WORDS: Final = 1.0
"""Seconds in which what a worker has sent last is read, should a process of its own keep the socket open."""


class Child:
    """The process of one worker.

    Args:
        place: Where the worker is to be found.
        process: The process.
        channel: What it and the supervisor talk over.
    """

    def __init__(self, place: Place, process: asyncio.subprocess.Process, channel: Channel) -> None:
        self.place = place
        self.channel = channel
        self._process = process

    @classmethod
    async def start(cls, place: Place, config: Config, receive: Callable[[Message], None]) -> Child:
        """Start the process, and tell it what to serve.

        Args:
            place: Where it is to be found.
            config: The configuration.
            receive: Called with each message that it sends.

        Raises:
            OSError: The system has no room for another process.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                # A session of its own: Ctrl-C on the terminal is for the supervisor alone.
                process = await asyncio.create_subprocess_exec(
                    *_command(theirs.fileno(), config.loop),
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                )
            except BaseException:
                ours.close()
                raise
        channel = await Channel.over(ours, receive)
        channel.send(Begin(str(place.directory), place.name, config.model_dump(exclude_unset=True)))
        return cls(place, process, channel)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def kill(self) -> None:
        """End the process at once."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def wait(self) -> int:
        """Wait for the process's end, and for what it has sent last.

        Returns:
            Its exit status; the negative number of the signal that ended it.
        """
        status = await self._process.wait()
        await self.channel.ended(LAST_WORDS)
        self.channel.close()
        return status


@dataclass(frozen=True, slots=True)
class End:
    """How a worker ended."""

    name: str
    """What the log calls it."""
    status: int
    """The process's exit status; the negative number of the signal that ended it."""
    failed: Failed | None
    """What it said of that itself."""

    def __str__(self) -> str:
        """Say it in the words of the log."""
        if self.failed is not None:
            return f"{self.name} can't serve: {self.failed.message}"
        return f"{self.name} has ended with {_describe(self.status)}"

    def error(self) -> RtserverError:
        """Make the error that ends the service, the same one that a single process would end with."""
        if self.failed is None:
            return StartError(f"{self} before it was ready")
        return (
            ConfigError([self.failed.message]) if self.failed.is_config else StartError(self.failed.message)
        )


def _describe(status: int) -> str:
    """Say how a process ended."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"signal {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"


def _command(descriptor: int, loop: str) -> Sequence[str]:
    """Return the command line of a worker: the same interpreter, with the same options."""
    options = [f"-W{option}" for option in sys.warnoptions]
    options += [
        f"-X{name}" if value is True else f"-X{name}={value}" for name, value in sys._xoptions.items()
    ]
    if not {"", os.getcwd()} & set(sys.path):
        options.append("-P")  # or -m would look for modules in the working directory
    return [sys.executable, *options, "-m", "rtserver.service.workers", str(descriptor), loop]
