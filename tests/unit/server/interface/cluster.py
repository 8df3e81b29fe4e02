"""A manager of a cluster in which other servers are whatever a test says."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

from rtserver.cluster.memory import MemoryManager
from rtserver.server.acks import AckCallback
from rtserver.server.answers import Answers, Fetched
from rtserver.server.namespace import Room
from rtserver.server.target import PLAIN, Flags, Target


class ClusterManager(MemoryManager):
    """Notes what it is asked for, then does it here.

    Args:
        fetched: The sockets of the other servers.
        answers: What clients of other servers answer.
    """

    __slots__ = ("_answers", "_fetched", "asked")

    alone = False

    alone = False

    def __init__(self, fetched: Fetched | None = None, answers: Answers | None = None) -> None:
        super().__init__()
        self._fetched = fetched or Fetched()
        self._answers = answers
        self.asked: list[tuple[Any, ...]] = []

    def emit(
        self, target: Target, args: Sequence[Any], flags: Flags = PLAIN, ack: AckCallback | None = None
    ) -> None:
        self.asked.append(("emit", target, args, flags))
        super().emit(target, args, flags, ack)

    async def ask(
        self,
        target: Target,
        args: Sequence[Any],
        flags: Flags,
        timeout: float | None,  # noqa: ASYNC109
    ) -> Answers:
        self.asked.append(("ask", target, args, flags, timeout))
        return await super().ask(target, args, flags, timeout) if self._answers is None else self._answers

    async def fetch(self, target: Target, timeout: float) -> Fetched:  # noqa: ASYNC109
        self.asked.append(("fetch", target, timeout))
        return self._fetched

    def server_side_emit(self, namespace: str, args: Sequence[Any]) -> None:
        self.asked.append(("server_side_emit", namespace, args))

    async def server_side_ask(self, namespace: str, args: Sequence[Any], timeout: float) -> Answers:  # noqa: ASYNC109
        self.asked.append(("server_side_ask", namespace, args, timeout))
        return self._answers or Answers()

    def join(self, target: Target, rooms: Sequence[Room]) -> None:
        self.asked.append(("join", target, rooms))
        super().join(target, rooms)

    def leave(self, target: Target, rooms: Sequence[Room]) -> None:
        self.asked.append(("leave", target, rooms))
        super().leave(target, rooms)

    def disconnect(self, target: Target, close: bool = False) -> Awaitable[object] | None:
        self.asked.append(("disconnect", target, close))
        return super().disconnect(target, close)
