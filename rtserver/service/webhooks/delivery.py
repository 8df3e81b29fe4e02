"""Requests to the backend: signed, so many at one time, again where that is safe, none while it is dead."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from random import random
from typing import Final

from rtserver.clock import Clock
from rtserver.errors import BackendError
from rtserver.ids import new_sid
from rtserver.service.webhooks.breaker import Breaker, State
from rtserver.service.webhooks.counters import WebhookCounters
from rtserver.service.webhooks.endpoint import Endpoint
from rtserver.service.webhooks.policy import Policy
from rtserver.service.webhooks.signing import Signer

__all__ = ["Delivery", "new_id"]

logger = logging.getLogger("rtserver.webhooks")

FIRST_PAUSE: Final = 0.1
"""Seconds, about, before a request is made again; each further time four times as long."""
LOG_INTERVAL: Final = 1.0
"""Seconds between two log lines about failures: there may be as many failures as events."""


class Delivery:
    """Sends requests.

    Args:
        endpoint: Where to.
        signer: Signs them.
        breaker: Lets the backend alone for a while.
        policy: How the backend is asked.
        clock: Returns the clock of the running loop.
    """

    def __init__(
        self, endpoint: Endpoint, signer: Signer, breaker: Breaker, policy: Policy, clock: Callable[[], Clock]
    ) -> None:
        self._endpoint = endpoint
        self._signer = signer
        self._policy = policy
        self._clock = clock
        self._slots = asyncio.Semaphore(policy.concurrency)
        self._logged_at: float | None = None
        self._unlogged = 0
        self.breaker = breaker
        self.counters = WebhookCounters()

    async def ask(self, body: bytes) -> bytes:
        """Send a request that a client waits for, and return the body of the answer.

        It is sent again only if the backend hasn't taken it, and while there is time.

        Args:
            body: The request.

        Raises:
            BackendError: There is no answer that can be used.
        """
        policy = self._policy
        deadline = self._now() + policy.timeout
        if self._slots.locked() and self.counters.waiting >= policy.max_waiting:
            raise BackendError("backend_busy", f"{policy.max_waiting} requests wait, the most that may", 0.0)
        self.counters.waiting += 1
        try:
            async with asyncio.timeout(policy.timeout):
                await self._slots.acquire()
        except TimeoutError:
            problem = f"no turn within {policy.timeout:g} s: {policy.concurrency} requests are under way"
            raise BackendError("backend_busy", problem, 0.0) from None
        finally:
            self.counters.waiting -= 1
        try:
            # With hardly any time left it would fail, and seem to be the fault of a backend that isn't dead.
            if deadline - self._now() < policy.timeout / 2:
                problem = f"its turn came after more than half of {policy.timeout:g} s"
                raise BackendError("backend_busy", problem, 0.0)
            return await self._attempts(new_id(), body, deadline)
        finally:
            self._slots.release()

    async def tell(self, id: str, body: bytes) -> None:
        """Send a request that nobody waits for, once.

        Args:
            id: Its id: the same each time.
            body: The request.

        Raises:
            BackendError: The backend hasn't taken it, or may not have.
        """
        async with self._slots:
            await self._attempt(id, body, self._policy.timeout)

    def failed(self, what: str, error: BackendError, fields: Mapping[str, object] | None = None) -> None:
        """Log a failure, unless there was one a moment ago.

        Args:
            what: What the request was about.
            error: What went wrong.
            fields: Fields of the line.
        """
        now = self._now()
        if self._logged_at is not None and now - self._logged_at < LOG_INTERVAL:
            self._unlogged += 1
            return
        more = f" ({self._unlogged} more failures were not logged)" if self._unlogged else ""
        self._logged_at, self._unlogged = now, 0
        logger.warning("%s: %s: %s%s", what, error.code, error, more, extra=fields)

    async def close(self) -> None:
        """Close the connections."""
        await self._endpoint.close()

    def _now(self) -> float:
        return self._clock().now()

    async def _attempts(self, id: str, body: bytes, deadline: float) -> bytes:
        pause = FIRST_PAUSE
        for left in reversed(range(self._policy.retries + 1)):
            try:
                return await self._attempt(id, body, max(deadline - self._now(), 0.0))
            except BackendError as error:
                if error.retry_after is None or not left:
                    raise
                wait = max(error.retry_after, pause * (0.5 + random()))
                if self._now() + wait >= deadline or self.breaker.state is not State.CLOSED:
                    raise
                self.counters.retries += 1
            await asyncio.sleep(wait)
            pause *= 4
        raise AssertionError

    async def _attempt(self, id: str, body: bytes, timeout: float) -> bytes:  # noqa: ASYNC109
        breaker, counters = self.breaker, self.counters
        ticket = breaker.begin(self._now())
        if ticket is None:
            raise BackendError("backend_unavailable", "it doesn't answer, and is let alone", 0.0)
        started = self._now()
        counters.running += 1
        try:
            answer = await self._endpoint.post(body, self._signer.headers(id, body), timeout)
        except BackendError as error:
            if error.code == "backend_failed":  # it is there, and answers
                self._answered(ticket)
            else:
                self._unanswered(ticket, error)
            raise
        except BaseException:
            breaker.abandoned(ticket)
            raise
        else:
            self._answered(ticket)
            return answer
        finally:
            counters.running -= 1
            counters.seconds.observe(self._now() - started)

    def _answered(self, ticket: int) -> None:
        was = self.breaker.state
        self.breaker.succeeded(ticket)
        if was is not self.breaker.state:
            logger.info("the backend answers again")

    def _unanswered(self, ticket: int, error: BackendError) -> None:
        was = self.breaker.state
        self.breaker.failed(ticket, self._now())
        if was is State.CLOSED and self.breaker.state is State.OPEN:
            logger.error(
                "the backend doesn't answer, and is let alone for a while: %s: %s", error.code, error
            )


def new_id() -> str:
    """Return the id of a new message."""
    return f"msg_{new_sid()}"
