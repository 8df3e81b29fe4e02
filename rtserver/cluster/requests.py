"""What this server has asked the others, until they have answered or the time is up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from rtserver.cluster.bus import Bus, Census
from rtserver.cluster.message import Kind, Message, answer_of
from rtserver.cluster.namespaces import Namespaces
from rtserver.ids import new_sid

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
    """The questions of one server that are under way.

    Args:
        bus: What carries them.
        namespaces: Those that the server listens for: answers come to the namespace of their question.
    """

    __slots__ = ("_bus", "_namespaces", "_pending", "receivers")

    def __init__(self, bus: Bus, namespaces: Namespaces) -> None:
        self._bus = bus
        self._namespaces = namespaces
        self._pending: dict[str, Request] = {}
        self.receivers: Mapping[Kind, Callable[[Message], None]] = {
            Kind.FETCHED: self._fetched,
            Kind.SERVER_SIDE_ANSWER: self._server_side_answer,
            Kind.CLIENT_COUNT: self._client_count,
            Kind.CLIENT_ANSWER: self._client_answer,
        }
        """What takes the answers."""

    def __len__(self) -> int:
        """Return how many are under way."""
        return len(self._pending)

    async def ask(
        self,
        namespace: str,
        kind: Kind,
        data: Mapping[str, Any],
        seconds: float,
        on_answer: Callable[[Any], None] | None = None,
    ) -> Request:
        """Ask all other servers, and wait for the answers for so many seconds.

        Args:
            namespace: The namespace that it is about.
            kind: The type of the question.
            data: What is asked.
            seconds: Seconds that they have.
            on_answer: Called with each answer as it comes.

        Returns:
            The request, with what has come. What comes later is left out.

        Raises:
            TypeError: Something in the question can't be serialized.
        """
        id = new_sid()
        request = self._pending[id] = Request(on_answer)
        message = Message(self._bus.uid, namespace, kind, {**data, "requestId": id})
        try:
            with self._namespaces.listening(namespace), suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    census = await self._bus.census(namespace)
                    self._bus.send(message)
                    await request.wait(census)
        finally:
            del self._pending[id]
        return request

    def lost(self, uid: str) -> None:
        """Stop waiting for a server that has gone. What is missing is known at once, not when time is up."""
        for request in self._pending.values():
            request.lost(uid)

    # What comes.

    def _find(self, message: Message) -> Request | None:
        """Return the request that a message answers; None if it is over, or was never made."""
        id = message.data.get("requestId")
        return self._pending.get(id) if isinstance(id, str) else None

    def _fetched(self, message: Message) -> None:
        sockets, request = message.data.get("sockets"), self._find(message)
        if request is not None:
            request.answer(message.uid, sockets if isinstance(sockets, list) else [])

    def _server_side_answer(self, message: Message) -> None:
        request = self._find(message)
        if request is not None:
            request.answer(message.uid, answer_of(message.data))

    def _client_count(self, message: Message) -> None:
        count, request = message.data.get("clientCount"), self._find(message)
        if request is not None:
            request.announce(message.uid, count if isinstance(count, int) and count > 0 else 0)

    def _client_answer(self, message: Message) -> None:
        request = self._find(message)
        if request is not None:
            request.acknowledge(message.uid, answer_of(message.data))
