"""The manager of a server that is alone: every client is connected here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rtserver.cluster.here import Here
from rtserver.server.acks import AckCallback
from rtserver.server.answers import Answers, Fetched
from rtserver.server.namespace import Room
from rtserver.server.target import PLAIN, Flags, Target

__all__ = ["MemoryManager"]


class MemoryManager(Here):
    """Delivers straight to the server's own clients. It implements `rtserver.server.manager.Manager`."""

    alone: ClassVar[bool] = True

    def start(self) -> None:
        """Begin. There is nothing to begin."""

    def open(self, namespace: str) -> None:
        """Do nothing: nothing comes from elsewhere."""

    def shut(self, namespace: str) -> None:
        """Do nothing: nothing comes from elsewhere."""

    def settle(self, namespace: str, rooms: Sequence[Room]) -> None:
        """Do nothing: nothing comes from elsewhere."""

    def emit(
        self, target: Target, args: Sequence[Any], flags: Flags = PLAIN, ack: AckCallback | None = None
    ) -> None:
        """Send an event to those clients that it is for."""
        self.deliver(target, args, flags, ack)

    async def ask(
        self,
        target: Target,
        args: Sequence[Any],
        flags: Flags,
        timeout: float | None,  # noqa: ASYNC109 - the Protocol's
    ) -> Answers:
        """Send an event that each of its recipients is to acknowledge, and wait for that."""
        return await self._sink.ask(target, args, flags).collect(timeout)

    async def fetch(self, target: Target, timeout: float) -> Fetched:  # noqa: ASYNC109 - the Protocol's
        """Return nothing: there are no other servers."""
        return Fetched()

    def server_side_emit(self, namespace: str, args: Sequence[Any]) -> None:
        """Do nothing: there are no other servers."""

    async def server_side_ask(
        self,
        namespace: str,
        args: Sequence[Any],
        timeout: float,  # noqa: ASYNC109 - the Protocol's
    ) -> Answers:
        """Return nothing: there are no other servers."""
        return Answers()

    def close(self) -> None:
        """End."""
        self.forget()
