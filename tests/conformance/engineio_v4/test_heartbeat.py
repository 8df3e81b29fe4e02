"""The heartbeat, which the server begins."""

from __future__ import annotations

import asyncio

from tests.conformance.engineio_v4.helpers import (
    Serve,
    error,
    live,
    until_polling_is_held,
)


async def test_polling(server: Serve) -> None:
    async with server(ping_interval=0.1, ping_timeout=5) as served:
        client, sid = await served.open_polling()
        for _ in range(3):
            assert (await client.poll(sid)).body == b"2"
            assert (await client.push(sid, b"3")).body == b"ok"


async def test_websocket(server: Serve) -> None:
    async with server(ping_interval=0.1, ping_timeout=5) as served:
        client = await served.open_websocket()
        for _ in range(3):
            assert await client.packet() == "2"
            client.send("3")


async def test_polling_times_out(server: Serve) -> None:
    async with server(ping_interval=0.05, ping_timeout=0.05) as served:
        client, sid = await served.open_polling()
        assert (await client.poll(sid)).body == b"2"
        assert await served.handler.reasons.get() == "ping timeout"
        assert (await client.poll(sid)).json() == error(1, "unknown")


async def test_polling_times_out_while_a_get_is_held(server: Serve) -> None:
    async with server(ping_interval=0.05, ping_timeout=0.5) as served:
        client, sid = await served.open_polling()
        assert (await client.poll(sid)).body == b"2"
        assert (await client.poll(sid)).body == b"1"
        assert await served.handler.reasons.get() == "ping timeout"


async def test_polling_times_out_while_nothing_is_read(server: Serve) -> None:
    async with server(ping_interval=0.05, ping_timeout=0.05) as served:
        client, sid = await served.open_polling()
        live(served).pause_reading()
        assert (await client.poll(sid)).body == b"2"
        assert await served.handler.reasons.get() == "ping timeout"


async def test_a_poll_is_a_sign_of_life(server: Serve) -> None:
    async with server() as served:
        client, sid = await served.open_polling()
        live(served).polled = False
        poll = asyncio.ensure_future(client.poll(sid))
        await until_polling_is_held(served)
        assert live(served).polled
        served.handler.session.send("x")
        assert (await poll).body == b"4x"


async def test_websocket_times_out(server: Serve) -> None:
    async with server(ping_interval=0.05, ping_timeout=0.05) as served:
        client = await served.open_websocket()
        assert await client.packet() == "2"
        assert await client.close_code() == 1001
        assert await served.handler.reasons.get() == "ping timeout"
        assert served.engine.counters.sessions_closed == {"ping timeout": 1}
