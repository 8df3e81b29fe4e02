"""What this server has asked the others, until they have answered or the time is up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from rtserver.cluster.bus import Census

__all__ = ["Request", "Requests"]

UNKNOWN = "unknown"
"""Stands for a server that hasn't answered and whose id isn't known."""


class Request:
    """One question to all other servers.

    Each server answers once. To an event with acknowledgments it answers with the number of clients, and then
    with the acknowledgment of each.

    Args:
        on_answer: Called with each answer as it comes.
    """

    __slots__ = ("_answered", "_census", "_finished", "_lost", "_on_answer", "_owed", "answers", "responses")

    def __init__(self, on_answer: Callable[[Any], None] | None = None) -> None:
        self._on_answer = on_answer
        self._census: Census | None = None
        self._finished: asyncio.Future[None] | None = None
        self._answered: set[str] = set()
        self._lost: set[str] = set()
        self._owed: dict[str, int] = {}
        """How many acknowledgments each server has announced that haven't come."""
        self.answers: list[Any] = []
        self.responses = 0
        """How many servers have answered."""

    @property
    def owed(self) -> int:
        """How many acknowledgments of clients were announced and haven't come."""
        return sum(max(owed, 0) for owed in self._owed.values())

    def answer(self, uid: str, answer: Any) -> None:
        """Take the answer of a server."""
        self.answers.append(answer)
        self._responded(uid)

    def announce(self, uid: str, clients: int) -> None:
        """Take the number of clients that one server asks."""
        self._owe(uid, clients)
        self._responded(uid)

    def acknowledge(self, uid: str, answer: Any) -> None:
        """Take the acknowledgment of one client of a server."""
        self._owe(uid, -1)
        self.answers.append(answer)
        if self._on_answer is not None:
            self._on_answer(answer)
        self._check()

    def lost(self, uid: str) -> None:
        """Stop waiting for a server that has gone, and for its clients."""
        self._lost.add(uid)
        self._check()

    async def wait(self, census: Census) -> None:
        """Return when all servers that were counted have answered, and their clients have."""
        self._census = census
        self._finished = asyncio.get_running_loop().create_future()
        self._check()
        await self._finished

    def silent(self) -> Sequence[str]:
        """Return the ids of the servers that haven't answered."""
        if self._census is None:
            return (UNKNOWN,)  # the time was up before it was known who is there
        known = sorted(self._census.uids - self._answered)
        missing = max(self._census.count - self.responses, 0)
        return [*known, *[UNKNOWN] * (missing - len(known))] if missing else ()

    def _responded(self, uid: str) -> None:
        self._answered.add(uid)
        self.responses += 1
        self._check()

    def _owe(self, uid: str, clients: int) -> None:
        self._owed[uid] = self._owed.get(uid, 0) + clients

    def _check(self) -> None:
        census, finished = self._census, self._finished
        if census is None or finished is None or finished.done():
            return
        hopeless = len((census.uids & self._lost) - self._answered)
        if self.responses + hopeless < census.count:
            return
        if not any(owed > 0 for uid, owed in self._owed.items() if uid not in self._lost):
            finished.set_result(None)


class Requests:
    """All requests that are under way, by their ids."""

    __slots__ = ("_pending",)

    def __init__(self) -> None:
        self._pending: dict[str, Request] = {}

    def __len__(self) -> int:
        """Return how many are under way."""
        return len(self._pending)

    def open(self, id: str, on_answer: Callable[[Any], None] | None = None) -> Request:
        """Begin one. It ends with `close`."""
        request = self._pending[id] = Request(on_answer)
        return request

    def find(self, id: Any) -> Request | None:
        """Return the request with this id; None if it is over, or was never made."""
        return self._pending.get(id) if isinstance(id, str) else None

    def lost(self, uid: str) -> None:
        """Stop waiting for a server that has gone. What is missing is known at once, not when time is up."""
        for request in self._pending.values():
            request.lost(uid)

    def close(self, id: str) -> None:
        """Forget one: what comes for it later is left out."""
        self._pending.pop(id, None)
