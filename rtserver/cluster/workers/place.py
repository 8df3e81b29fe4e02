"""Where the worker processes of one machine find each other: a private directory with a few sockets for each.

A file is there exactly while its worker can be reached through it. There is no other list of workers.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import string
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rtserver.errors import StartError

__all__ = ["NAME_LENGTH", "Place", "create", "discard", "hold"]

NAME_LENGTH: Final = 4
"""Characters of a worker's name."""
_FIRST: Final = string.ascii_letters + string.digits
"""What a name begins with: no hyphen, which programs would take for an option."""
_OTHERS: Final = _FIRST + "_-"
"""What the rest of it is made of: the alphabet of session ids, which begin with the name of their worker."""
_NAME: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_-]{{{NAME_LENGTH - 1}}}")
_BUS: Final = ".bus"
_DOOR: Final = ".door"
_JOURNAL: Final = ".journal"
_PREFIX: Final = "rtserver-workers-"
_YOUNG: Final = 60.0
"""Seconds in which somebody who has made a directory holds it for certain."""
_PATH_LIMIT: Final = 107
"""Bytes of the path of a Unix socket: ``sun_path`` has 108, with the zero at the end (unix(7))."""


@dataclass(frozen=True, slots=True)
class Place:
    """The place of one worker among the others.

    Args:
        directory: The directory that all workers of a server share.
        name: The worker's name. Each process has another: one that is started again has a new one.

    Raises:
        ValueError: It isn't a name, or the directory's path is too long for sockets in it.
    """

    directory: Path
    name: str

    def __post_init__(self) -> None:  # noqa: D105
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                f"a worker's name: received {self.name!r}, expected {NAME_LENGTH} of A-Z a-z 0-9 _ -, the "
                "first a letter or digit"
            )
        _check_length(self.directory)

    @classmethod
    def new(cls, directory: Path) -> Place:
        """Return the place of a worker that is about to be started, with a name that nobody has."""
        while True:
            rest = (secrets.choice(_OTHERS) for _ in range(NAME_LENGTH - 1))
            place = cls(directory, secrets.choice(_FIRST) + "".join(rest))
            if next(directory.glob(f"{place.name}.*"), None) is None:
                return place

    @property
    def bus(self) -> Path:
        """The socket on which the worker takes messages of the cluster."""
        return self.directory / f"{self.name}{_BUS}"

    @property
    def door(self) -> Path:
        """The socket on which the worker takes connections of clients."""
        return self.directory / f"{self.name}{_DOOR}"

    @property
    def journal(self) -> Path:
        """The journal of the worker's clients: a lock, and what the names of its files begin with."""
        return self.directory / f"{self.name}{_JOURNAL}"

    def at(self, name: str) -> Place:
        """Return the place of another worker."""
        return Place(self.directory, name)

    def others(self) -> list[str]:
        """Return the names of the other workers that can be reached, in order."""
        try:
            names = os.listdir(self.directory)
        except FileNotFoundError:  # all is over
            return []
        found = (name.removesuffix(_BUS) for name in names if name.endswith(_BUS))
        return sorted(name for name in found if name != self.name and _NAME.fullmatch(name))

    def clear(self) -> None:
        """Remove the sockets that a dead worker has left. Whatever else bears its name stays."""
        self.bus.unlink(missing_ok=True)
        self.door.unlink(missing_ok=True)


def create(parent: Path | None = None) -> Path:
    """Make the directory in which the workers of one server meet. Nobody else may look into it.

    Those that other servers have left, whose processes were all killed at once, are removed.

    Args:
        parent: Where. If omitted, in memory: workers keep small files there, too.

    Raises:
        ValueError: The path of `parent` is too long for sockets.
        OSError: It can't be written to.
    """
    if parent is None:
        memory = Path("/dev/shm")
        parent = memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())
    for path in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # others may look at it in this moment, or hold it
            _discard_if_left(path)
    directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))  # with mode 0700
    try:
        _check_length(directory)
    except ValueError:
        directory.rmdir()
        raise
    return directory


@contextmanager
def hold(directory: Path) -> Iterator[None]:
    """Have it known, even if this process is killed, for how long the directory of `create` is in use.

    Raises:
        StartError: It has gone.
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise StartError(
            f"the workers' directory {directory} can't be used: {error.strerror}; start the service again"
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def discard(directory: Path) -> None:
    """Remove the directory of `create` with all that is in it, once no worker is left."""
    shutil.rmtree(directory, ignore_errors=True)


def _discard_if_left(directory: Path) -> None:
    """Remove a directory of ours that no process holds.

    Raises:
        OSError: It is held, or can't be looked at.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        state = os.fstat(descriptor)
        if state.st_uid == os.geteuid() and time.time() - state.st_mtime > _YOUNG:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            discard(directory)
    finally:
        os.close(descriptor)


def _check_length(directory: Path) -> None:
    longest = len(os.fsencode(directory)) + 1 + NAME_LENGTH + max(len(_BUS), len(_DOOR))
    if longest > _PATH_LIMIT:
        raise ValueError(
            f"the workers' directory {directory}: sockets in it would have paths of {longest} bytes, "
            f"expected {_PATH_LIMIT} at most; choose a shorter one"
        )
