"""The end of the server."""

from __future__ import annotations

import asyncio

from tests.conformance.engineio_v4.helpers import (
    Serve,
)
from tests.support.engine import Recorder, until


async def test_all_sessions_are_closed(server: Serve) -> None:
    handler = Recorder()
    async with asyncio.timeout(10), server(handler) as served:
        websocket = await served.open_websocket()
        polling, sid = await served.open_polling()
        await served.open_polling()  # it has no GET waiting
        poll = asyncio.ensure_future(polling.poll(sid))
        await until(lambda: served.engine.sessions[sid].writable)
        ending = asyncio.ensure_future(served.runner.cleanup())
        assert await websocket.close_code() == 1001
        websocket.send_close(1001)
        assert (await poll).body == b"1"
        await ending
        assert await websocket.at_end()
        assert await polling.at_end()
        assert [handler.reasons.get_nowait() for _ in range(3)] == ["server shutting down"] * 3
        assert len(served.engine.sessions) == 0


async def test_a_client_that_does_not_answer(server: Serve) -> None:
    async with asyncio.timeout(10), server() as served:
        websocket = await served.open_websocket()
        await served.runner.cleanup()
        assert await websocket.close_code() == 1001
