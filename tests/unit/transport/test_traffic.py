from __future__ import annotations

import asyncio
import socket

import pytest
from websockets.asyncio.client import connect

from rtserver.transport.traffic import Traffic
from tests.support.engine import Recorder, serve


class Echo(asyncio.Protocol):
    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.lost = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.transport.write(data * 2)

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.set()


async def test_what_a_connection_carries() -> None:
    loop, traffic, echo = asyncio.get_running_loop(), Traffic(), Echo()
    ours, theirs = socket.socketpair()
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
    echo.transport = traffic.tap(transport, echo)
    theirs.setblocking(False)
    await loop.sock_sendall(theirs, b"abc")
    assert await loop.sock_recv(theirs, 100) == b"abcabc"
    assert (traffic.received, traffic.sent) == (3, 6)
    assert echo.transport.get_write_buffer_size() == 0
    echo.transport.pause_reading()
    echo.transport.resume_reading()
    assert not echo.transport.is_closing()
    assert echo.transport.get_extra_info("socket") is not None
    echo.transport.close()
    assert echo.transport.is_closing()
    await echo.lost.wait()
    theirs.close()


@pytest.mark.parametrize("counted", [False, True])
async def test_the_bytes_of_a_websocket(counted: bool) -> None:
    handler = Recorder(echo=True)
    async with serve(handler) as served:
        if counted:
            traffic = served.engine.traffic = Traffic()
            served.engine._running().traffic = traffic
        async with connect(f"ws://127.0.0.1:{served.port}/engine.io/?EIO=4&transport=websocket") as client:
            await client.recv()
            await client.send("4hello")
            assert await client.recv() == "4hello"
        if counted:
            # each way one frame with six bytes and a close frame with its code; the client's are masked
            assert (traffic.received, traffic.sent) == (6 + 6 + 8, 2 + 6 + 4)
