"""Keys that an identity provider publishes, and changes now and then: a JSON Web Key Set behind a URL.

The set is fetched when it is first needed, and again when it has become old or when a token names a key that
isn't in it. Tokens can be made up by anyone: so the second happens once in a while only, however many come.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import aiohttp
import orjson

from rtserver.causes import cause
from rtserver.service.auth.keys import VerificationKey, from_jwks

__all__ = ["KeySet"]

logger = logging.getLogger("rtserver.auth")

MAX_BYTES: Final = 1_000_000
"""The largest document that is read."""
FETCH_TIMEOUT: Final = 10.0
"""Seconds that it may take."""


class KeySet:
    """The keys behind one URL.

    Args:
        url: Where the key set is.
        max_age: Seconds for which it is used.
        cooldown: Seconds between two fetches, at least, however many tokens name unknown keys.
        now: Returns the time in seconds, of a clock that doesn't go back.
    """

    def __init__(self, url: str, max_age: float, cooldown: float, now: Callable[[], float]) -> None:
        self._url = url
        self._max_age = max_age
        self._cooldown = cooldown
        self._now = now
        self._keys: list[VerificationKey] = []
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._fetching: asyncio.Task[None] | None = None
        self.failures = 0
        """Fetches that failed. The keys from before stay in use meanwhile."""

    async def find(self, algorithm: str, id: str | None) -> list[VerificationKey]:
        """Return the keys that a token may be signed with that says this of itself."""
        if self._is_old():
            refreshing = self._refresh()
            if refreshing is not None and not self._keys:
                await asyncio.shield(refreshing)
        found = self._suitable(algorithm, id)
        if not found and (refreshing := self._refresh()) is not None:
            await asyncio.shield(refreshing)
            found = self._suitable(algorithm, id)
        return found

    async def close(self) -> None:
        """Stop fetching."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait([self._fetching])

    def _suitable(self, algorithm: str, id: str | None) -> list[VerificationKey]:
        return [key for key in self._keys if key.suits(algorithm, id)]

    def _is_old(self) -> bool:
        return self._fetched_at is None or self._now() - self._fetched_at > self._max_age

    def _refresh(self) -> asyncio.Task[None] | None:
        """Fetch the keys, once for all who wait for them; None if that was done a moment ago."""
        if self._fetching is None:
            if self._tried_at is not None and self._now() - self._tried_at < self._cooldown:
                return None
            self._fetching = asyncio.create_task(self._fetch())
        return self._fetching

    async def _fetch(self) -> None:
        try:
            self._keys = from_jwks(orjson.loads(await self._download()))
            self._fetched_at = self._now()
            logger.info("%s: %d keys", self._url, len(self._keys))
        except (aiohttp.ClientError, OSError, ValueError) as error:  # TimeoutError is an OSError
            self.failures += 1
            kept = f"; {len(self._keys)} keys from before stay in use" if self._keys else ""
            logger.error("%s: the keys can't be fetched: %s%s", self._url, cause(error), kept)
        finally:
            self._tried_at = self._now()
            self._fetching = None

    async def _download(self) -> bytes:
        timeout = aiohttp.ClientTimeout(total=FETCH_TIMEOUT)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(self._url, allow_redirects=False) as response,
        ):
            if response.status != 200:
                raise ValueError(f"received the HTTP status {response.status}, expected 200")
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise ValueError(f"received more than {MAX_BYTES} bytes, expected a key set")
            return bytes(body)
