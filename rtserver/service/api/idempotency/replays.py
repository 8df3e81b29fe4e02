"""Requests are done once, and those that repeat them get the same answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from rtserver.errors import ApiError
from rtserver.service.api.idempotency.record import HOLD, Outcome, Record, Store

__all__ = ["Replays"]

logger = logging.getLogger("rtserver.api")

PAUSES: Final = (0.02, 0.5)
"""Seconds between two looks at a request that another process does: at first, and at most."""


class Replays:
    """What stands between a request with an idempotency key and its work.

    Args:
        store: Where is kept what was done.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._running: dict[str, tuple[str, asyncio.Task[tuple[Outcome, bool]]]] = {}
        """Requests that this process does, or waits for: what is asked for, and the task."""

    async def do(
        self, name: str, fingerprint: str, work: Callable[[], Awaitable[Outcome]]
    ) -> tuple[Outcome, bool]:
        """Do the work of a request, unless it was done before. It goes on if whoever waits for it doesn't.

        Args:
            name: The request's name, a hash.
            fingerprint: The hash of what it asks for.
            work: Does it. If it raises an `ApiError`, nothing has been done, and the request may come again.

        Returns:
            What came of it, and whether that was so before.

        Raises:
            ApiError: The name was given to another request, or `work` has raised it.
        """
        running = self._running.get(name)
        if running is not None:
            _check(running[0], fingerprint)
            outcome, _ = await asyncio.shield(running[1])
            return outcome, True
        task = asyncio.create_task(self._do(name, Record(fingerprint), work), name="rtserver: API request")
        self._running[name] = fingerprint, task
        task.add_done_callback(lambda task: self._ended(name, task))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Give up what is being done."""
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._store.close()

    def _ended(self, name: str, task: asyncio.Task[tuple[Outcome, bool]]) -> None:
        del self._running[name]
        if not task.cancelled():
            task.exception()  # whoever waited for it has been told

    async def _do(
        self, name: str, record: Record, work: Callable[[], Awaitable[Outcome]]
    ) -> tuple[Outcome, bool]:
        before = await self._claim(name, record)
        if before is not None:
            return before, True
        try:
            outcome = await work()
        except BaseException:
            await self._try(self._store.release(name))
            raise
        await self._try(self._store.keep(name, Record(record.fingerprint, outcome)))
        return outcome, False

    async def _claim(self, name: str, record: Record) -> Outcome | None:
        """Claim the name for this process; or wait until another one has done it, and return that."""
        pause, most = PAUSES
        try:
            async with asyncio.timeout(HOLD):
                while (there := await self._store.claim(name, record)) is not None:
                    _check(there.fingerprint, record.fingerprint)
                    if there.outcome is not None:
                        return there.outcome
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, most)
        except TimeoutError:
            raise ApiError(
                409, "in_progress", "the request with this Idempotency-Key isn't done yet; try again later"
            ) from None
        return None

    async def _try(self, storing: Awaitable[None]) -> None:
        """Note down what was done. It is done even if that fails; a repetition may do it again then."""
        try:
            await storing
        except Exception as error:  # noqa: BLE001 - whatever a store raises, the request has its answer
            logger.warning("an idempotency key couldn't be kept: %s: %s", type(error).__name__, error)


def _check(known: str, fingerprint: str) -> None:
    if known != fingerprint:
        raise ApiError(
            422,
            "idempotency_key_reused",
            "this Idempotency-Key was sent with another request; give each request one of its own",
        )
