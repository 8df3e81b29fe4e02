"""What waits for acknowledgments of a client.

A socket numbers its events that want one. What waits is kept by that number until the answer comes,
the deadline passes or the client goes, whichever is first; nothing is left behind then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from socketio.exceptions import TimeoutError as NoAnswer

from rtserver.clock import Clock, Timer
from rtserver.server.socket import Socket

__all__ = ["AckCallback", "Answer", "Expectation", "abandon", "expect", "take"]

AckCallback = Callable[..., Any]
"""Called with the arguments of the acknowledgment. What it returns is awaited where it can be."""


def expect(socket: Socket, callback: AckCallback) -> int:
    """Keep `callback` until it is acknowledged. Returns the id for the event's packet."""
    socket.ack_counter += 1
    if socket.acks is None:
        socket.acks = {}
    socket.acks[socket.ack_counter] = callback
    return socket.ack_counter


def take(socket: Socket, ack_id: int | None) -> AckCallback | None:
    """Return what waits for this acknowledgment, and forget it."""
    acks = socket.acks
    if acks is None or ack_id is None:
        return None
    callback = acks.pop(ack_id, None)
    if not acks:
        socket.acks = None
    return callback


def abandon(socket: Socket) -> None:
    """Forget everything that waits for a client that has gone; let calls fail."""
    acks, socket.acks = socket.acks, None
    if acks is not None:
        for callback in acks.values():
            if isinstance(callback, Expectation):
                callback.fail(f"client {socket.sid} left before it acknowledged the event")


class Expectation:
    """An acknowledgment's callback that is also told when none will come."""

    __slots__ = ()

    def __call__(self, *args: Any) -> None:
        """Take the acknowledgment."""
        raise NotImplementedError

    def fail(self, why: str) -> None:
        """Learn that none will come."""
        raise NotImplementedError


class Answer(Expectation):
    """The callback of a `call`, which can be waited for.

    Args:
        loop: The running event loop.
        clock: Keeps the deadline.
        timeout: Seconds until the deadline; None for no deadline.
    """

    __slots__ = ("_future", "_timeout", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock, timeout: float | None) -> None:
        self._future: asyncio.Future[tuple[Any, ...]] = loop.create_future()
        self._timeout = timeout
        self._timer: Timer | None = None
        if timeout is not None:
            self._timer = Timer(clock, self._expire)
            self._timer.set(timeout)

    def __call__(self, *args: Any) -> None:
        """Take the acknowledgment."""
        if not self._future.done():
            self._future.set_result(args)

    def fail(self, why: str) -> None:
        """Raise `socketio.exceptions.TimeoutError` from `wait`: no answer will come."""
        if not self._future.done():
            self._future.set_exception(NoAnswer(why))

    def _expire(self) -> None:
        self.fail(f"no acknowledgment within {self._timeout} seconds")

    async def wait(self) -> tuple[Any, ...]:
        """Return the arguments of the acknowledgment.

        Raises:
            socketio.exceptions.TimeoutError: The deadline passed, or the client left.
        """
        return await self._future

    def close(self) -> None:
        """Stop waiting."""
        if self._timer is not None:
            self._timer.cancel()
