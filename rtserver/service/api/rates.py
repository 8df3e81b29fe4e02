"""How many commands each key may do, where that is limited: a token bucket for each."""

from __future__ import annotations

import math
from collections.abc import Callable

from rtserver.errors import ApiError
from rtserver.service.api.keys import Key

__all__ = ["Rates"]


class Rates:
    """The buckets of all keys. There are as many of them as keys with a limit.

    Args:
        now: Returns the time in seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._buckets: dict[str, tuple[float, float]] = {}
        """How many commands may be done with a key, and when that was so."""

    def admit(self, key: Key) -> None:
        """Let a request in while there is something in the bucket of its key.

        What it costs is known later: then `charge` may take more than there is, and the requests that follow
        wait for it. So a batch isn't refused for being larger than a bucket.

        Raises:
            ApiError: The bucket is empty; it says when it isn't any more.
        """
        if key.rate is None:
            return
        allowance = self._allowance(key, key.rate)
        if allowance < 1:
            seconds = math.ceil((1 - allowance) / key.rate)
            raise ApiError(
                429,
                "rate_limited",
                f"this key is for {key.rate:g} commands a second; try again in {seconds} s",
                {"Retry-After": str(seconds)},
            )

    def charge(self, key: Key, commands: int) -> None:
        """Take what the commands of a request cost out of the bucket of its key."""
        if key.rate is not None:
            self._buckets[key.name] = self._allowance(key, key.rate) - commands, self._now()

    def _allowance(self, key: Key, rate: float) -> float:
        now = self._now()
        allowance, since = self._buckets.get(key.name, (key.burst, now))
        return min(key.burst, allowance + (now - since) * rate)
