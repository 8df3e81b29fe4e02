"""An event that went to many clients here, each of which is to acknowledge it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from rtserver.clock import Timer
from rtserver.server import acks
from rtserver.server.answers import Answers, unpack
from rtserver.server.runtime import Runtime
from rtserver.server.socket import Socket

__all__ = ["Inquiry"]


class Inquiry:
    """Collects the acknowledgments. Nothing is left behind on any socket once it is closed.

    Args:
        runtime: The running loop and its clock.
        on_answer: Called with each answer as it comes.
    """

    __slots__ = ("_finished", "_on_answer", "_runtime", "_waiting", "answers", "count", "missing")

    def __init__(self, runtime: Runtime, on_answer: Callable[[Any], None] | None = None) -> None:
        self._runtime = runtime
        self._on_answer = on_answer
        self._waiting: dict[Socket, int] = {}
        self._finished: asyncio.Future[None] | None = None
        self.answers: list[Any] = []
        """What came, as `call` returns it."""
        self.missing: list[str] = []
        """The sids of those who left, and after `close` also of those who were too late."""
        self.count = 0
        """How many clients were asked."""

    def expect(self, socket: Socket) -> int:
        """Wait for one more client. Returns the ack id for its packet."""
        self.count += 1
        ack_id = acks.expect(socket, Share(self, socket))
        self._waiting[socket] = ack_id
        return ack_id

    def answered(self, socket: Socket, args: Sequence[Any]) -> None:
        """Take the acknowledgment of one client."""
        if self._waiting.pop(socket, None) is None:
            return
        answer = unpack(args)
        self.answers.append(answer)
        if self._on_answer is not None:
            self._on_answer(answer)
        self._check()

    def left(self, socket: Socket) -> None:
        """Stop waiting for a client that has gone."""
        if self._waiting.pop(socket, None) is not None:
            self.missing.append(socket.sid)
            self._check()

    async def wait(self, timeout: float | None) -> None:  # noqa: ASYNC109 - on our clock
        """Return when all have answered or left, or the time is up.

        Args:
            timeout: Seconds; None for no limit.
        """
        if not self._waiting:
            return
        self._finished = self._runtime.loop.create_future()
        timer = Timer(self._runtime.clock, self._finish)
        if timeout is not None:
            timer.set(timeout)
        try:
            await self._finished
        finally:
            timer.cancel()

    async def collect(self, timeout: float | None) -> Answers:  # noqa: ASYNC109 - on our clock
        """Wait as `wait` does, close, and return what came in time."""
        try:
            await self.wait(timeout)
        finally:
            self.close()
        return Answers(self.answers, missing=self.missing)

    def close(self) -> None:
        """Stop waiting for those that still have to answer."""
        for socket, ack_id in self._waiting.items():
            acks.take(socket, ack_id)
            self.missing.append(socket.sid)
        self._waiting.clear()

    def _check(self) -> None:
        if not self._waiting:
            self._finish()

    def _finish(self) -> None:
        if self._finished is not None and not self._finished.done():
            self._finished.set_result(None)


class Share(acks.Expectation):
    """What waits for one client's part of an inquiry."""

    __slots__ = ("_inquiry", "_socket")

    def __init__(self, inquiry: Inquiry, socket: Socket) -> None:
        self._inquiry = inquiry
        self._socket = socket

    def __call__(self, *args: Any) -> None:
        """Take the acknowledgment."""
        self._inquiry.answered(self._socket, args)

    def fail(self, why: str) -> None:
        """Learn that none will come."""
        self._inquiry.left(self._socket)
