"""Compression by event: a broadcast is compressed once for each wire form, unless it isn't to be at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
import websockets
from websockets.asyncio.client import ClientConnection
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from rtserver import Server
from rtserver.websocket.deflate import deflate_once
from tests.support.engine import until

from .harness.server import Host, Hosting, make_server

TEXT = "compressible " * 200
PACKET = f'42["text","{TEXT}"]'


@asynccontextmanager
async def connected(host: Host, window_bits: int | None) -> AsyncIterator[ClientConnection]:
    """Connect a client that takes compressed messages, made with a window of so many bits."""
    extension = ClientPerMessageDeflateFactory(server_max_window_bits=window_bits)
    async with websockets.connect(
        f"{host.websocket_url}/socket.io/?EIO=4&transport=websocket",
        compression=None,
        extensions=[extension],
    ) as client:
        await client.recv()
        await client.send("40")
        await client.recv()
        yield client


@pytest.fixture
def deflations(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note the window of each message that is compressed for many."""
    noted: list[int] = []

    def noting(payload: bytes, window_bits: int) -> bytes:
        noted.append(window_bits)
        return deflate_once(payload, window_bits)

    monkeypatch.setattr("rtserver.engineio.outgoing.deflate_once", noting)
    return noted


async def test_a_broadcast_over_websocket(hosting: Hosting, deflations: list[int]) -> None:
    sio: Server = make_server(per_message_deflate=True)
    host = await hosting.server(sio)
    everyone = sio.of("/")
    async with (
        connected(host, None) as one,
        connected(host, None) as two,
        connected(host, 10) as three,
    ):
        for chain, expected in (
            (everyone, [10, 15]),
            (everyone.volatile, [10, 15]),
            (everyone.compress(True), [10, 15]),
            (everyone.compress(False), []),
            (everyone.volatile.compress(False), []),
            (everyone, [10, 15]),
        ):
            await until(lambda: all(session.writable for session in sio.eio.sessions))
            await chain.emit("text", TEXT)
            for client in (one, two, three):
                assert await client.recv() == PACKET
            assert sorted(deflations) == expected
            deflations.clear()


async def test_over_polling(hosting: Hosting) -> None:
    sio: Server = make_server()
    host = await hosting.server(sio)
    url = f"{host.url}/socket.io/?EIO=4&transport=polling"
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as response:
            url += "&sid=" + (await response.text()).split('"')[3]
        async with session.post(url, data="40") as response:
            assert response.status == 200
        async with session.get(url) as response:
            assert (await response.text()).startswith("40")
        for compress, encoding in ((True, "gzip"), (False, None)):
            await sio.compress(compress).emit("text", TEXT)
            async with session.get(url) as response:
                assert response.headers.get("Content-Encoding") == encoding
                assert await response.text() == PACKET
