"""Records in Redis, for all nodes of a cluster."""

from __future__ import annotations

from typing import Any, Final

from rtserver.cluster.redis.client import FAILURES, answer, connect
from rtserver.errors import ApiError
from rtserver.service.api.idempotency.record import HOLD, Bounds, Record

__all__ = ["RedisStore"]

_INFIX: Final = "#api#"
"""What stands between the cluster's key and the name of a record."""
_ATTEMPTS: Final = 3
"""How often a record is claimed that is there and is gone when it is read."""


class RedisStore:
    """Keeps a key of Redis for each record, which Redis forgets by itself. It implements `Store`.

    Args:
        url: Where Redis is, as for `RedisManager`.
        prefix: What the names of keys begin with.
        bounds: For how long a record is kept. How many there are is left to Redis.
    """

    def __init__(self, url: str, prefix: str, bounds: Bounds) -> None:
        self._client: Any = connect(url)
        self._prefix = prefix + _INFIX
        self._lifetime = _milliseconds(bounds.lifetime)

    async def claim(self, name: str, record: Record) -> Record | None:
        """Put a record where there is none, else return it."""
        key, value = self._prefix + name, record.to_bytes()
        try:
            for _ in range(_ATTEMPTS):
                if await answer(self._client.set, key, value, nx=True, px=_milliseconds(HOLD)):
                    return None
                found = await answer(self._client.get, key)
                if found is not None and (there := Record.from_bytes(found)) is not None:
                    return there
        except FAILURES:
            pass
        raise ApiError(
            503,
            "busy",
            "idempotency keys can't be kept now, as Redis doesn't answer: nothing was done; try again",
            {"Retry-After": "1"},
        )

    async def keep(self, name: str, record: Record) -> None:
        """Replace a record by the one with its outcome."""
        await answer(self._client.set, self._prefix + name, record.to_bytes(), px=self._lifetime)

    async def release(self, name: str) -> None:
        """Remove a record."""
        await answer(self._client.delete, self._prefix + name)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _milliseconds(seconds: float) -> int:
    return max(round(seconds * 1000), 1)
