"""Clients come and go in their hundreds, and nothing of them stays."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import aiohttp
from websockets.asyncio.client import connect

from .harness.node import KINDS, Node, Transport
from .harness.process import ServerProcess


async def orderly(node: Node, url: str, number: int) -> None:
    """Come with an official client, use two rooms, leave in one of four ways."""
    transport = list(Transport)[number % 3]
    client = await node.connect(url, KINDS[number // 3 % 3], transport, auth={"room": f"room {number % 50}"})
    assert await client.call("echo", number, b"\x00") == [number, b"\x00"]
    match number % 4:
        case 0 | 1:
            await client.disconnect()
        case 2:
            await client.manager.close_engine()
        case 3:
            client.node.send("emit", name=client.name, event="echo", args=["on its way"])
            await client.disconnect()


async def abrupt(url: str, number: int) -> None:
    """Come by WebSocket, and vanish at some point."""
    websocket = await connect(f"{url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket")
    steps: list[Any] = ["40", '421["echo",1]', '451-["echo",{"_placeholder":true,"num":0}]', b"\x00", "41"]
    for step in steps[: number % 6]:
        await websocket.send(step)
    if number % 2:
        await websocket.recv()
    websocket.transport.abort()
    await websocket.wait_closed()


async def deserted(url: str, number: int) -> None:
    """Come by polling, and stay away at some point: the heartbeat ends it."""
    polling = f"{url}/socket.io/?EIO=4&transport=polling"
    async with aiohttp.ClientSession() as session:
        async with session.get(polling) as response:
            sid = (await response.text()).split('"sid":"')[1].split('"')[0]
        if number % 3:
            async with session.post(f"{polling}&sid={sid}", data="40") as response:
                await response.read()
        if number % 3 == 2:
            websocket = await connect(
                f"{url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket&sid={sid}"
            )
            await websocket.send("2probe")
            websocket.transport.abort()
            await websocket.wait_closed()


async def test_nothing_stays_of_clients_that_left(node: Node) -> None:
    async with ServerProcess(ping_interval=0.3, ping_timeout=4, upgrade_timeout=1) as server:
        # One stays, so that its namespace and room do.
        await node.connect(server.url)
        await orderly(node, server.url, 0)
        before = await settled(server)
        order = random.Random(2)
        clients = [orderly(node, server.url, number) for number in range(80)]
        clients += [abrupt(server.url, number) for number in range(80)]
        clients += [deserted(server.url, number) for number in range(40)]
        order.shuffle(clients)
        await asyncio.gather(*clients)
        after = await settled(server)
        assert after["sessions"] == 1
        assert after["buffered"] == 0
        assert after["alive"] == before["alive"]
        assert sum(after["reasons"].values()) > 150


async def settled(server: ServerProcess) -> dict[str, Any]:
    """Wait until the last session has ended, by its heartbeat at the latest."""
    async with asyncio.timeout(20):
        while True:
            stats = await server.stats()
            if stats["sessions"] == 1:
                break
            await asyncio.sleep(0.1)
    # What closes a connection may outlive its session by a turn: the close handshake's other half.
    return await server.stats()
