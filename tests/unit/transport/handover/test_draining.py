"""A process that ends lets the others have who comes meanwhile. Here processes are servers of one loop."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ....support.engine import until
from .test_moving import POLLING, processes


@pytest.fixture(params=[True, False], ids=["lane", "aiohttp"])
def lane(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


async def test_sessions_are_opened_by_the_others(tmp_path: Path, lane: bool) -> None:
    async with processes(tmp_path, names="abc", lane=lane) as (one, two, three):
        clients = [await one.connect() for _ in range(4)]
        await one.engine.drain(0, ["bbbb", "cccc"])
        for client in clients:
            answer = await client.get(POLLING)
            assert (answer.status, answer.body[:7]) == (200, b'0{"sid"')
        assert [len(served.engine.sessions) for served in (one, two, three)] == [0, 2, 2]


async def test_one_that_has_gone_is_passed_over(tmp_path: Path) -> None:
    async with processes(tmp_path, names="ab") as (one, two):
        client = await one.connect()
        await one.engine.drain(0, ["gone", "bbbb"])
        assert (await client.get(POLLING)).status == 200
        assert len(two.engine.sessions) == 1


async def test_without_others_they_are_refused(tmp_path: Path, lane: bool) -> None:
    async with processes(tmp_path, names="ab", lane=lane) as (one, _):
        client = await one.connect()
        await one.engine.drain(0)
        answer = await client.get(POLLING)
        assert (answer.status, answer.headers["connection"]) == (503, "close")
        assert await client.at_end()


async def test_a_connection_without_a_request_yet_goes_over(tmp_path: Path) -> None:
    async with processes(tmp_path, names="ab") as (one, two):
        client, half, used = await one.connect(), await one.connect(), await one.connect()
        half.write(b"GET /engine.io/?EIO=4&tra")
        await used.get(POLLING)
        await until(lambda: len(one.engine._lanes) == 3)
        await until(lambda: any(lane._buffer for lane in one.engine._lanes))
        await one.engine.drain(0, ["bbbb"])
        await one.engine.close()
        assert await used.at_end()
        assert (await client.get(POLLING)).status == 200
        half.write(b"nsport=polling HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await half.head()).status == 200
        assert len(two.engine.sessions) == 2


async def test_sessions_close_one_after_another(tmp_path: Path) -> None:
    async with processes(tmp_path, names="a") as (one,):
        websockets = [await one.open_websocket() for _ in range(4)]
        began = asyncio.get_running_loop().time()
        draining = asyncio.ensure_future(one.engine.drain(0.4))
        for number, websocket in enumerate(websockets):
            assert await websocket.close_code() == 1001
            assert asyncio.get_running_loop().time() - began >= 0.1 * number - 0.01
        await draining
        assert [one.handler.reasons.get_nowait() for _ in range(4)] == ["server shutting down"] * 4


async def test_requests_of_sessions_are_served_until_they_are_closed(tmp_path: Path, lane: bool) -> None:
    async with processes(tmp_path, names="ab", lane=lane) as (one, two):
        sids = [(await one.open_polling())[1] for _ in range(2)]
        draining = asyncio.ensure_future(one.engine.drain(30, ["bbbb"]))
        await until(lambda: len([each for each in one.engine.sessions if each.state.name == "POLLING"]) == 1)
        client = await two.connect()
        assert (await client.push(sids[1], b"4x")).body == b"ok"
        assert (await client.poll(sids[1])).body == b"4x"
        draining.cancel()


async def test_a_server_that_never_ran(tmp_path: Path) -> None:
    async with processes(tmp_path, names="a") as (one,):
        await one.engine.close()
        await one.engine.drain(1)
