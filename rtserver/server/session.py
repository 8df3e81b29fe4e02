"""The context manager that `Server.session` returns."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Protocol

__all__ = ["SessionContext"]


class SessionStore(Protocol):
    """Where sessions are."""

    async def get_session(self, sid: str, namespace: str | None = None) -> dict[str, Any]:
        """Return the data of a client."""

    async def save_session(self, sid: str, session: dict[str, Any], namespace: str | None = None) -> None:
        """Replace the data of a client."""


class SessionContext:
    """The data of one client, saved when the block ends, also by an exception.

    Args:
        store: The server.
        sid: The client.
        namespace: The namespace, the main one if None.
    """

    __slots__ = ("_data", "_namespace", "_sid", "_store")

    def __init__(self, store: SessionStore, sid: str, namespace: str | None) -> None:
        self._store = store
        self._sid = sid
        self._namespace = namespace
        self._data: dict[str, Any] = {}

    async def __aenter__(self) -> dict[str, Any]:
        """Return the data."""
        self._data = await self._store.get_session(self._sid, self._namespace)
        return self._data

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Save the data."""
        await self._store.save_session(self._sid, self._data, self._namespace)
