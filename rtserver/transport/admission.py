"""Whether a client may open a session: the application's `allow_request` decides, at once or later."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from rtserver.engineio.request import BAD_REQUEST, FORBIDDEN, REASONS, closing
from rtserver.errors import EngineRequestError
from rtserver.transport.exchange import Exchange
from rtserver.transport.hooks import AllowRequest

__all__ = ["Admission"]


class Admission:
    """Asks, and holds the requests that wait for the decision.

    Args:
        timeout: Seconds that a decision may take.
        resume: Runs a step of a request that has waited, and answers the request if the step raises.
    """

    __slots__ = ("_resume", "_timeout", "_waiting")

    def __init__(self, timeout: float, resume: Callable[[Exchange, Callable[[], None]], None]) -> None:
        self._timeout = timeout
        self._resume = resume
        self._waiting: dict[Exchange, asyncio.Task[Any]] = {}

    def ask(self, allow: AllowRequest, exchange: Exchange, admit: Callable[[], None]) -> None:
        """Call `admit` if the application allows the request: now, or when it has decided.

        Raises:
            EngineRequestError: 4, the request is refused.
        """
        answer = allow(exchange.handshake())
        if not inspect.isawaitable(answer):
            _check(answer)
            admit()
            return
        task = asyncio.get_running_loop().create_task(self._decision(answer))
        self._waiting[exchange] = task
        exchange.holder = self
        task.add_done_callback(partial(self._decided, exchange, admit))

    def lost(self, exchange: Exchange) -> None:
        """The client has gone: nobody waits for the decision."""
        exchange.holder = None
        self._waiting.pop(exchange).cancel()

    def close(self) -> None:
        """Refuse those who wait: the server ends."""
        for exchange in list(self._waiting):
            self.lost(exchange)
            self._resume(exchange, _refuse_at_the_end)

    async def _decision(self, answer: Awaitable[Any]) -> Any:
        try:
            async with asyncio.timeout(self._timeout) as limit:
                return await answer
        except TimeoutError:
            if not limit.expired():
                raise
            raise EngineRequestError(
                BAD_REQUEST, "Unavailable: the server took too long to decide, try again later", 503
            ) from None

    def _decided(self, exchange: Exchange, admit: Callable[[], None], task: asyncio.Task[Any]) -> None:
        if not task.cancelled():
            task.exception()  # asyncio warns of one that nobody has looked at
        if self._waiting.pop(exchange, None) is None:
            return
        exchange.holder = None
        self._resume(exchange, partial(_go_on, task, admit))


def _go_on(task: asyncio.Task[Any], admit: Callable[[], None]) -> None:
    if task.cancelled():
        raise RuntimeError("allow_request has cancelled itself")
    _check(task.result())
    admit()


def _check(verdict: Any) -> None:
    if verdict is False or isinstance(verdict, str):
        raise EngineRequestError(FORBIDDEN, verdict or REASONS[FORBIDDEN], 403)
    if verdict is not None and verdict is not True:
        raise TypeError(
            f"allow_request returned {verdict!r}, expected True, None, False or the reason as a string"
        )


def _refuse_at_the_end() -> None:
    raise closing()
