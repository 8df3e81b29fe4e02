"""The end of the server."""

from __future__ import annotations

import asyncio

from tests.conformance.engineio_v4.helpers import (
    POLLING,
    Serve,
    error,
    live,
    post_head,
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


async def test_no_session_is_opened_meanwhile(server: Serve) -> None:
    async with asyncio.timeout(10), server() as served:
        websocket = await served.open_websocket()
        ending = asyncio.ensure_future(served.engine.close())
        assert await websocket.close_code() == 1001
        client = await served.connect()
        answer = await client.get(POLLING)
        assert (answer.status, answer.json()) == (503, error(4, "shutting down"))
        websocket.send_close(1001)
        await ending


async def test_it_can_be_used_again(server: Serve) -> None:
    async with asyncio.timeout(10), server(Recorder(echo=True)) as served:
        _, sid = await served.open_polling()
        await served.engine.close()
        client, again = await served.open_polling()
        assert again != sid
        assert (await client.push(again, b"4x")).body == b"ok"
        assert (await client.poll(again)).body == b"4x"


async def test_a_request_under_way_ends(server: Serve) -> None:
    async with asyncio.timeout(10), server() as served:
        client, sid = await served.open_polling()
        client.write(post_head(sid, 10) + b"4")
        await until(lambda: live(served).carrier.posting)
        await served.engine.close()
        assert len(served.engine.sessions) == 0
        assert served.handler.reasons.get_nowait() == "server shutting down"
        await until(lambda: not served.engine._lanes)
