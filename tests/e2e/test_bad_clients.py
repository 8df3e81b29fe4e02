"""Clients that don't read, don't finish, send garbage or floods: they lose, the others notice nothing."""

from __future__ import annotations

import asyncio
import os
import random
import socket
from contextlib import suppress

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from .harness.node import Node, NodeSocket, Transport
from .harness.process import ServerProcess
from .harness.raw_client import UPGRADE, frame, raw_client
from .harness.server import Host, Hosting, make_server, recorded

MEGABYTE = 1_000_000


async def undisturbed(client: NodeSocket, rounds: int = 20) -> None:
    """Expect prompt and correct answers."""
    for number in range(rounds):
        async with asyncio.timeout(2):
            assert await client.call("echo", number, b"\x01") == [number, b"\x01"]


async def caught_up(*clients: NodeSocket) -> None:
    """Wait until these clients have taken all that was sent to them: an answer comes behind it."""
    for client in clients:
        assert await client.call("echo", 0, b"\x01") == [0, b"\x01"]


async def test_a_websocket_client_that_never_reads(node: Node) -> None:
    limit = 8 * MEGABYTE
    async with ServerProcess(max_buffer_size=limit) as server:
        good = [await node.connect(server.url, "4", transport) for transport in Transport]
        await good[0].collect("load", 400)
        await server.emit("lobby", 10_000, 100)  # what a served process needs anyway
        before = server.resident
        async with raw_client(server.port) as bad, raw_client(server.port, '{"room":"other"}') as idle:
            peak = 0
            for _ in range(30):
                await server.emit("lobby", 100_000, 10)
                await caught_up(*good)
                stats = await server.stats()
                assert stats["buffered"] <= limit + len(good) * 10 * 100_100
                peak = max(peak, stats["buffered"])
                if stats["slow_clients"]:
                    break
            assert stats["slow_clients"] == 1
            assert peak > MEGABYTE
            assert stats["reasons"] == {"slow client": 1}
            assert stats["sessions"] == len(good) + 1
            await asyncio.gather(*(undisturbed(client) for client in good))
            stats = await server.stats()
            assert stats["buffered"] < 200_000
            assert server.resident < before + limit / 2
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(idle.loop.sock_recv(idle.sock, 1), 0.05)
            del bad
        numbers = await good[0].collected_so_far()
        assert numbers[:100] == list(range(100))
        assert len(numbers) % 10 == 0
        assert numbers[100:] == list(range(10)) * ((len(numbers) - 100) // 10)


async def test_a_polling_client_that_never_polls(node: Node) -> None:
    limit = 4 * MEGABYTE
    async with ServerProcess(max_buffer_size=limit) as server:
        good = await node.connect(server.url, "4", Transport.POLLING)
        await good.collect("load", 1000)
        polling = f"{server.url}/socket.io/?EIO=4&transport=polling"
        async with aiohttp.ClientSession() as session:
            async with session.get(polling) as response:
                sid = (await response.text()).split('"sid":"')[1].split('"')[0]
            async with session.post(f"{polling}&sid={sid}", data="40") as response:
                assert response.status == 200
            for _ in range(30):
                await server.emit("lobby", 100_000, 10)
                await caught_up(good)
                stats = await server.stats()
                assert stats["buffered"] <= limit + 10 * 100_100
                if stats["slow_clients"]:
                    break
            assert stats["reasons"] == {"slow client": 1}
            async with session.get(f"{polling}&sid={sid}") as response:
                assert response.status == 400
                assert (await response.json())["code"] == 1  # "Session ID unknown"
        await undisturbed(good)


async def test_many_slow_clients_give_their_memory_back(node: Node) -> None:
    async with ServerProcess(max_buffer_size=8 * MEGABYTE) as server:
        good = await node.connect(server.url, auth={"room": "good"})
        await undisturbed(good)
        before = server.resident
        for _ in range(2):
            clients = [raw_client(server.port, '{"room":"slow"}') for _ in range(5)]
            opened = [await client.__aenter__() for client in clients]
            # Each is sent messages of its own: nothing is shared between their buffers.
            await asyncio.gather(*(server.emit(client.sid, 200_000, 100) for client in opened))
            await undisturbed(good)
            stats = await server.stats()
            assert stats["sessions"] == 1
            assert stats["buffered"] == 0
            for client in clients:
                await client.__aexit__(None, None, None)
        assert stats["slow_clients"] == 10
        assert server.resident < before + 20 * MEGABYTE


async def test_a_client_that_sends_and_never_reads_the_answers(node: Node) -> None:
    async with ServerProcess(max_buffer_size=2 * MEGABYTE) as server:
        good = await node.connect(server.url)
        async with raw_client(server.port) as bad:
            message = frame(1, b'421["echo","' + b"x" * 20_000 + b'"]')

            async def flood() -> None:
                for _ in range(2000):
                    await bad.send(message)

            sending = asyncio.create_task(flood())
            await undisturbed(good, 100)
            await asyncio.wait([sending], timeout=5)
            stats = await server.stats()
            assert stats["buffered"] <= 2 * MEGABYTE + 100_000
            assert sending.done(), "the flood was neither taken nor ended"
            assert isinstance(sending.exception(), ConnectionError)
            assert stats["reasons"] == {"slow client": 1}
        await undisturbed(good)


async def test_a_flood_of_pings_and_of_events(node: Node, hosting: Hosting) -> None:
    sio = make_server()
    log = recorded(sio, "echo")
    host = await hosting.server(sio)
    good = await node.connect(host.url)
    async with raw_client(host.port) as bad:
        await asyncio.gather(
            bad.send(frame(9, b"ping") * 20_000 + frame(1, b'42["nothing"]') * 20_000 + frame(1, b"41")),
            undisturbed(good, 50),
        )
        await log.next("disconnect")
        assert log.all("disconnect") == [[bad.sid, "client disconnect"]]


GARBAGE = [
    pytest.param(frame(1, b"9"), id="unknown Engine.IO packet"),
    pytest.param(frame(1, b""), id="empty message"),
    pytest.param(frame(1, b"0{}"), id="open packet"),
    pytest.param(frame(1, b"4"), id="empty Socket.IO packet"),
    pytest.param(frame(1, b"49"), id="unknown Socket.IO packet"),
    pytest.param(frame(1, b"42["), id="unfinished JSON"),
    pytest.param(frame(1, b"42{}"), id="event without a list"),
    pytest.param(frame(1, b"42[]"), id="event without a name"),
    pytest.param(frame(1, b'42[["connect"]]'), id="name that is no text"),
    pytest.param(frame(1, b'42["disconnect"]'), id="reserved name"),
    pytest.param(frame(1, b"42" + b"[" * 400_000), id="endless depth"),
    pytest.param(frame(1, b'42["' + b"n" * 100_000 + b'"]'), id="endless name"),
    pytest.param(frame(1, b'4599999999999-["x",{"_placeholder":true,"num":0}]'), id="endless attachments"),
    pytest.param(frame(1, b'451-["x",{"_placeholder":true,"num":0}]') * 2, id="event between attachments"),
    pytest.param(
        frame(1, b'451-["x",{"_placeholder":true,"num":7}]') + frame(2, b"x"), id="no such attachment"
    ),
    pytest.param(frame(2, b"orphan"), id="attachment of nothing"),
    pytest.param(frame(1, b"44{}"), id="connect error from a client"),
    pytest.param(frame(1, b"\xff\xfe"), id="no UTF-8"),
    pytest.param(frame(1, b'42["echo","\xff"]'), id="no UTF-8 in an event"),
    pytest.param(frame(1, b'42["echo","' + b"x" * 1000 + b'\xed\xa0\x80"]'), id="a surrogate in an event"),
    pytest.param(frame(1, b'451-["echo",{"_placeholder":true,"num":0}]42["echo"]'), id="no JSON behind one"),
    pytest.param(b"\x81\x05hello", id="no mask"),
    pytest.param(b"\xff\xff" + b"\xff" * 20, id="no frame"),
    pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="HTTP"),
    pytest.param(frame(1, b"x" * 1_000_001), id="over the limit"),
    pytest.param(b"\x81\xff\x7f" + b"\xff" * 7 + bytes(4), id="a frame of all there is"),
]


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_garbage_ends_its_own_connection_only(
    node: Node, hosting: Hosting, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    sio = make_server()
    log = recorded(sio, "echo")
    host = await hosting.server(sio)
    good = await node.connect(host.url)
    async with raw_client(host.port) as bad:
        # What stands before garbage counts; what stands behind it does not.
        with suppress(ConnectionError):
            await bad.send(frame(1, b'42["echo",1]') + garbage + frame(1, b'42["echo",2]'))
        sid, reason = await log.next("disconnect")
        assert sid == bad.sid
        assert reason in {"parse error", "transport error"}
        assert await bad.close_frame()
    assert log.all("echo") == [[bad.sid, 1]]
    await undisturbed(good, 3)
    assert len(sio.eio.sessions) == 1
    lines = [record for record in caplog.records if record.levelname in {"WARNING", "INFO"}]
    assert lines, "a bad packet closes its client with a logged line"
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("lane", [False, True], ids=["aiohttp", "lane"])
async def test_random_bytes_on_the_port(node: Node, hosting: Hosting, lane: bool) -> None:
    sio = make_server()
    recorded(sio, "echo")
    host = await hosting.server(sio, lane=lane)
    good = await node.connect(host.url)
    randomness = random.Random(1)

    async def attack(start: bytes) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", host.port)
        with suppress(ConnectionError):
            writer.write(start + randomness.randbytes(randomness.randrange(5000)))
            writer.write_eof()
            async with asyncio.timeout(15):
                await reader.read()
        writer.close()

    starts = [b"", b"GET /socket.io/?EIO=4&transport=polling", b"POST /socket.io/?", UPGRADE, UPGRADE[:-2]]
    await asyncio.gather(undisturbed(good, 50), *(attack(start) for start in starts for _ in range(20)))
    assert len(sio.eio.sessions) == 1


@pytest.mark.parametrize("lane", [False, True], ids=["aiohttp", "lane"])
async def test_half_open_connections(node: Node, hosting: Hosting, lane: bool) -> None:
    """Two hundred handshakes that don't go on, some of which end in the middle."""
    sio = make_server()
    recorded(sio, "echo")
    host = await hosting.server(sio, lane=lane)
    good = await node.connect(host.url)
    writers = []
    for number in range(200):
        _, writer = await asyncio.open_connection("127.0.0.1", host.port)
        writer.write(UPGRADE[: number % len(UPGRADE)])
        writers.append(writer)
    await undisturbed(good)
    for writer in writers[::2]:
        writer.transport.abort()
    await undisturbed(good)
    assert len(sio.eio.sessions) == 1
    for writer in writers:
        writer.close()


async def test_clients_that_join_no_namespace_are_closed(node: Node, hosting: Hosting) -> None:
    sio = make_server(connect_timeout=0.2)
    log = recorded(sio, "echo")
    host = await hosting.server(sio)
    good = await node.connect(host.url)
    async with connect(f"{host.websocket_url}/socket.io/?EIO=4&transport=websocket") as websocket:
        await websocket.recv()
        await expect_closed(websocket)
    async with aiohttp.ClientSession() as session:
        polling = f"{host.url}/socket.io/?EIO=4&transport=polling"
        async with session.get(polling) as response:
            sid = (await response.text()).split('"sid":"')[1].split('"')[0]
        async with session.get(f"{polling}&sid={sid}") as response:
            assert await response.text() == "1"
    await undisturbed(good, 3)
    assert len(log.all("connect")) == 1
    assert len(sio.eio.sessions) == 1


async def expect_closed(websocket: ClientConnection) -> None:
    async with asyncio.timeout(10):
        with pytest.raises(ConnectionClosed):
            await websocket.recv()


async def test_clients_that_vanish_without_a_word(node: Node, hosting: Hosting) -> None:
    """Reset connections in every phase: the server closes their sessions at once."""
    sio = make_server()
    log = recorded(sio, "echo")
    host: Host = await hosting.server(sio)
    good = await node.connect(host.url)
    for linger in (True, False):
        async with raw_client(host.port) as bad:
            await bad.send(frame(1, b'42["echo","' + os.urandom(8).hex().encode() + b'"]')[:-3])
            if linger:  # RST instead of FIN
                bad.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sid, reason = await log.next("disconnect")
        assert sid == bad.sid
        assert reason in {"transport close", "transport error"}
    await undisturbed(good, 3)
