from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from aiohttp import web

from tests.conformance.engineio_v4.helpers import Serve
from tests.support.engine import Recorder, Served, serve


@web.middleware
async def middleware(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
    response: web.StreamResponse = await handler(request)
    return response


@pytest.fixture(params=["hooks", "taken", "lane"])
def server(request: pytest.FixtureRequest) -> Serve:
    """Make a server whose requests are served in one of three ways.

    ``hooks``: by aiohttp, because the application has a middleware; ``taken``: first by aiohttp, then by
    the lane; ``lane``: by the lane from the first byte.
    """

    def make(handler: Recorder | None = None, **options: Any) -> AbstractAsyncContextManager[Served]:
        if request.param == "hooks":
            options["app"] = web.Application(middlewares=[middleware])
        return serve(handler, lane=request.param == "lane", **options)

    return make


@pytest.fixture(autouse=True)
async def _nothing_is_left(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """Expect that aiohttp had nothing to complain of, and that no task runs on."""
    yield
    assert [
        record for record in caplog.get_records("call") if record.name.startswith(("aiohttp", "asyncio"))
    ] == []
    for _ in range(3):
        await asyncio.sleep(0)
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
