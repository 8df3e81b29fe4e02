"""Requests to the HTTP API of a service."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NamedTuple

import aiohttp

__all__ = ["ApiClient", "ApiResponse"]

PATIENCE = aiohttp.ClientTimeout(60)


class ApiResponse(NamedTuple):
    """What a service has answered."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def ok(self) -> Any:
        """The answer to a request that has succeeded."""
        assert self.status == 200, self.body
        return self.body


class ApiClient:
    """A backend with a key. Every request has a connection of its own, so that any worker may get it.

    Args:
        url: The service's.
        key: The key; None for none.
    """

    def __init__(self, url: str, key: str | None) -> None:
        self.url = f"{url}/api"
        self._headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._http: aiohttp.ClientSession

    async def __aenter__(self) -> ApiClient:
        connector = aiohttp.TCPConnector(force_close=True)
        self._http = aiohttp.ClientSession(connector=connector, timeout=PATIENCE)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def post(self, command: str, idempotency: str | None = None, /, **fields: Any) -> ApiResponse:
        """Send a command with these fields; `except_` stands for ``except``."""
        if "except_" in fields:
            fields["except"] = fields.pop("except_")
        return await self.send(command, json.dumps(fields), idempotency)

    async def send(
        self, command: str, body: str | bytes, idempotency: str | None = None, /, **headers: str
    ) -> ApiResponse:
        """Send a command with this body."""
        headers = {**self._headers, "Content-Type": "application/json"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        if idempotency is not None:
            headers["Idempotency-Key"] = idempotency
        async with self._http.post(f"{self.url}/{command}", data=body, headers=headers) as answer:
            assert answer.content_type == "application/json"
            return ApiResponse(answer.status, await answer.json(), answer.headers)

    async def document(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        async with self._http.get(f"{self.url}/openapi.json") as answer:
            assert answer.status == 200
            document: dict[str, Any] = await answer.json()
            return document
