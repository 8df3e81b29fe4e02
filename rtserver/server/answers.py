"""What clients, and servers of a cluster, answered: as much of it as came in time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

__all__ = ["Answers", "Fetched", "SocketDetails", "unpack"]


class Answers(list[Any]):
    """The answers to an event that went to many, in the order in which they came.

    Each is None, the one argument, or a tuple of the arguments that were answered with, as `call` returns
    it. Being late is not an error: what came in time is here, with who is missing.

    Args:
        answers: The answers.
        missing: The sids of clients that didn't answer in time, or left. Of clients of other servers only
            the number is known.
        missing_count: How many clients didn't answer, those of other servers included.
        silent: The servers of the cluster that didn't answer at all, by their ids.
    """

    __slots__ = ("missing", "missing_count", "silent")

    def __init__(
        self,
        answers: Iterable[Any] = (),
        *,
        missing: Sequence[str] = (),
        missing_count: int | None = None,
        silent: Sequence[str] = (),
    ) -> None:
        super().__init__(answers)
        self.missing = tuple(missing)
        self.missing_count = len(self.missing) if missing_count is None else missing_count
        self.silent = tuple(silent)

    @property
    def complete(self) -> bool:
        """True when everyone has answered."""
        return not self.missing_count and not self.silent


class SocketDetails(NamedTuple):
    """What one server tells others about a socket: JSON types only, but for what is in `data`."""

    sid: str
    handshake: dict[str, Any]
    rooms: list[Any]
    data: dict[str, Any]


class Fetched(NamedTuple):
    """The sockets of other servers."""

    sockets: Sequence[SocketDetails] = ()
    silent: Sequence[str] = ()
    """The servers that didn't answer in time, by their ids."""


def unpack(args: Sequence[Any]) -> Any:
    """Return None for no argument, the only one, or a tuple of all: an answer as python-socketio has it."""
    return args[0] if len(args) == 1 else tuple(args) or None
