"""Tells the backend of clients that have gone, sooner or later: nobody waits for the answer.

What the backend didn't take is tried again, less and less often. Nothing is lost while the service runs but
what there is no more room for, and what the backend refused again and again; both are counted.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable
from random import random
from typing import Final

from rtserver.clock import Clock, Timer
from rtserver.errors import BackendError
from rtserver.service.webhooks.breaker import State
from rtserver.service.webhooks.delivery import Delivery, new_id
from rtserver.service.webhooks.policy import Policy

__all__ = ["Outbox"]

logger = logging.getLogger("rtserver.webhooks")

SENDERS: Final = 8
"""Requests under way at one time: connects and events come first."""
FIRST_PAUSE: Final = 0.5
"""Seconds, about, until the first retry; each further time twice as long."""
LONGEST_PAUSE: Final = 30.0
LONGEST_WISH: Final = 600.0
"""Seconds for which it is waited at most because the backend asks for it (``Retry-After``)."""
PEEK: Final = 1.0
"""Seconds after which it is looked again whether the backend is still let alone."""


class _Letter:
    """One message."""

    __slots__ = ("attempts", "body", "id", "is_withdrawn", "key")

    def __init__(self, key: Hashable, body: bytes) -> None:
        self.id = new_id()
        self.key = key
        self.body = body
        self.attempts = 0
        self.is_withdrawn = False


class Outbox:
    """What the backend is still to be told.

    Args:
        delivery: Sends it.
        policy: How often it is tried, and how much may wait.
        clock: Returns the clock of the running loop.
    """

    def __init__(self, delivery: Delivery, policy: Policy, clock: Callable[[], Clock]) -> None:
        self._delivery = delivery
        self._policy = policy
        self._clock = clock
        self._letters: dict[Hashable, _Letter] = {}
        """All that isn't done, by what it is about."""
        # Both give the oldest at once, however many have gone before it.
        self._ready: OrderedDict[_Letter, None] = OrderedDict()
        self._later: OrderedDict[_Letter, Timer] = OrderedDict()
        self._senders: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    def add(self, key: Hashable, body: bytes) -> None:
        """Send a message. The oldest one gives way if too many wait.

        Args:
            key: What it is about.
            body: The message.
        """
        counters = self._delivery.counters
        if counters.queued >= self._policy.max_disconnects:
            self._give_way()
        counters.queued += 1
        self._empty.clear()
        self._letters[key] = letter = _Letter(key, body)
        self._put(letter)

    def withdraw(self, key: Hashable) -> bool:
        """Don't send what isn't true any more, as far as it hasn't been sent.

        Args:
            key: What it is about.

        Returns:
            Whether the backend may not have been told.
        """
        letter = self._letters.get(key)
        if letter is None:
            return False
        if letter in self._later:
            self._later.pop(letter).cancel()
        elif letter in self._ready:
            del self._ready[letter]
        else:
            letter.is_withdrawn = True  # it is under way, and isn't sent again
            return True
        self._done(letter)
        return True

    async def close(self, patience: float) -> None:
        """Send what waits, as far as there is time and the backend answers.

        Args:
            patience: The seconds that there are.
        """
        is_answered = self._delivery.breaker.state is State.CLOSED
        try:
            async with asyncio.timeout(patience if is_answered else 0):
                await self._empty.wait()
        except TimeoutError:
            lost = self._delivery.counters.queued
            self._delivery.counters.lost += lost
            logger.error("the backend wasn't told of %d clients that have gone: it stops", lost)
        for timer in self._later.values():
            timer.cancel()
        for sender in self._senders:
            sender.cancel()
        await asyncio.gather(*self._senders, return_exceptions=True)

    def _put(self, letter: _Letter) -> None:
        self._ready[letter] = None
        if len(self._senders) < SENDERS:
            self._senders.add(asyncio.create_task(self._send(), name="rtserver: tell the backend"))

    async def _send(self) -> None:
        """Send what is ready, one after another."""
        breaker, task = self._delivery.breaker, asyncio.current_task()
        assert task is not None
        try:
            while self._ready:
                if wait := breaker.wait(self._clock().now()):
                    await asyncio.sleep(min(wait, PEEK))
                    continue
                letter, _ = self._ready.popitem(last=False)
                await self._tell(letter)
        finally:
            self._senders.discard(task)  # not in a callback later: what is added next needs a sender

    async def _tell(self, letter: _Letter) -> None:
        try:
            await self._delivery.tell(letter.id, letter.body)
        except BackendError as error:
            self._failed(letter, error)
        except Exception as error:  # one message mustn't end the sending of all others
            logger.exception("the backend can't be told of a client that has gone")
            self._failed(letter, BackendError("backend_failed", f"received {type(error).__name__}"))
        else:
            self._done(letter, "ok")

    def _failed(self, letter: _Letter, error: BackendError) -> None:
        letter.attempts += 1
        if letter.is_withdrawn:
            self._done(letter, error.code)
            return
        if letter.attempts > self._policy.disconnect_retries:
            self._delivery.counters.lost += 1
            self._delivery.failed("the backend isn't told of a client that has gone", error)
            self._done(letter, error.code)
            return
        pause = min(FIRST_PAUSE * 2 ** (letter.attempts - 1), LONGEST_PAUSE) * (0.5 + random())
        self._delivery.counters.retries += 1
        self._later[letter] = timer = Timer(self._clock(), lambda: self._again(letter))
        timer.set(max(pause, min(error.retry_after or 0.0, LONGEST_WISH)))

    def _again(self, letter: _Letter) -> None:
        del self._later[letter]
        self._put(letter)

    def _give_way(self) -> None:
        if self._ready:
            oldest, _ = self._ready.popitem(last=False)
        elif self._later:
            oldest, timer = self._later.popitem(last=False)
            timer.cancel()
        else:  # all of them are under way
            return
        self._delivery.counters.lost += 1
        error = BackendError("backend_busy", f"{self._policy.max_disconnects} wait, the most that may")
        self._delivery.failed("the backend isn't told of a client that has gone", error)
        self._done(oldest, error.code)

    def _done(self, letter: _Letter, result: str | None = None) -> None:
        """Take note that nothing more is done with a message; without a result, nothing ever was."""
        counters = self._delivery.counters
        if result is not None:
            counters.requests["disconnect", result] += 1
        if self._letters.get(letter.key) is letter:
            del self._letters[letter.key]
        counters.queued -= 1
        if not counters.queued:
            self._empty.set()
