"""A client that stops reading and goes on again: what it gets then, by the policy of its namespace."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from .harness.node import Node, NodeSocket
from .harness.process import ServerProcess
from .harness.raw_client import RawClient, raw_client

MEGABYTE = 1_000_000
LIMIT = 8 * MEGABYTE
COUNT = 300
SIZE = 100_000
END = 1
"""The size of the last message, a reliable one."""
POLICIES = ["disconnect", "drop_oldest_volatile", "conflate"]


@asynccontextmanager
async def stalled(
    node: Node, policy: str, *, is_ended: bool = False
) -> AsyncIterator[tuple[ServerProcess, RawClient]]:
    """Serve a client that doesn't read, and expect that another one notices nothing, and all ends well.

    Args:
        node: The driver of the other client.
        policy: What the server does with slow clients.
        is_ended: Whether the slow client is to be disconnected.
    """
    async with ServerProcess(max_buffer_size=LIMIT, slow_clients=policy) as server:
        good = await node.connect(server.url, auth={"room": "good"})
        await server.emit("good", SIZE, 10)  # what a served process needs anyway
        assert await good.call("echo", 0) == [0]
        await good.collect("load", COUNT)
        before = server.resident
        undisturbed = asyncio.create_task(stream(server, good))
        async with raw_client(server.port, '{"room":"slow"}') as slow:
            yield server, slow
            await undisturbed
            stats = await server.stats()
            assert stats["queued"] == 0
            assert stats["slow_clients"] == is_ended
            assert stats["sessions"] == 1 + (not is_ended)
        assert server.resident < before + LIMIT


async def stream(server: ServerProcess, good: NodeSocket) -> None:
    """Expect that a client gets a stream of messages whole, in order and in time."""
    async with asyncio.timeout(20):
        for _ in range(COUNT // 10):
            await server.emit("good", 10, 10)
            assert await good.call("echo", 1) == [1]
        assert await good.collected() == list(range(10)) * (COUNT // 10)


async def loads(client: RawClient) -> list[int]:
    """Read the numbers of all messages up to the last one."""
    numbers: list[int] = []
    async with asyncio.timeout(20):
        async for message in client.messages():
            if message.startswith("42"):
                _, number, text = json.loads(message[2:])
                if len(text) == END:
                    return numbers
                numbers.append(number)
    raise AssertionError("unreachable")


async def test_conflate(node: Node) -> None:
    keys = 7
    async with stalled(node, "conflate") as (server, slow):
        peak = await server.emit("slow", SIZE, COUNT, keys=keys)
        assert peak <= LIMIT
        dropped = (await server.stats())["drops"]
        await server.emit("slow", END, 1)
        numbers = await loads(slow)
        assert dropped == {"conflated": COUNT - len(numbers)}
        assert len(set(numbers)) == len(numbers)
        by_key: dict[int, list[int]] = {}
        for number in numbers:
            by_key.setdefault(number % keys, []).append(number)
        newest = sorted(range(COUNT - keys, COUNT))
        assert sorted(received[-1] for received in by_key.values()) == newest
        assert all(received == sorted(received) for received in by_key.values())
        assert numbers[: len(numbers) - keys] == list(range(len(numbers) - keys))
        assert sorted(numbers[-keys:]) == newest


async def test_drop_oldest_volatile(node: Node) -> None:
    async with stalled(node, "drop_oldest_volatile") as (server, slow):
        peak = await server.emit("slow", SIZE, COUNT, volatile=True)
        assert LIMIT - 2 * SIZE < peak <= LIMIT
        dropped = (await server.stats())["drops"]
        await server.emit("slow", END, 1)
        numbers = await loads(slow)
        assert dropped == {"buffer full": COUNT - len(numbers)}
        assert dropped["buffer full"] > 0
        gap = COUNT - len(numbers)
        first = next(index for index, number in enumerate(numbers) if number != index)
        assert numbers == [*range(first), *range(first + gap, COUNT)]


async def test_reliable_events_keep_their_order_among_dropped_ones(node: Node) -> None:
    async with stalled(node, "drop_oldest_volatile") as (server, slow):
        for _ in range(3):
            await server.emit("slow", SIZE, COUNT // 3, volatile=True)
            await server.emit("slow", 10, 5)
        dropped = (await server.stats())["drops"]
        await server.emit("slow", END, 1)
        numbers: list[int] = []
        reliable: list[int] = []
        async with asyncio.timeout(20):
            async for message in slow.messages():
                _, number, text = json.loads(message[2:])
                if len(text) == END:
                    break
                (numbers if len(text) == SIZE else reliable).append(number)
        assert reliable == list(range(5)) * 3
        assert dropped == {"buffer full": COUNT - len(numbers)}


async def test_volatile_events_of_the_default_policy(node: Node) -> None:
    async with stalled(node, "disconnect") as (server, slow):
        peak = await server.emit("slow", SIZE, COUNT, volatile=True)
        assert peak < MEGABYTE
        dropped = (await server.stats())["drops"]
        await server.emit("slow", END, 1)
        numbers = await loads(slow)
        assert dropped == {"not ready": COUNT - len(numbers)}
        assert numbers == list(range(len(numbers)))


@pytest.mark.parametrize("policy", POLICIES)
async def test_too_many_reliable_events(node: Node, policy: str) -> None:
    async with stalled(node, policy, is_ended=True) as (server, _):
        peak = await server.emit("slow", SIZE, COUNT)
        assert LIMIT - 2 * SIZE < peak <= LIMIT + SIZE
        assert (await server.stats())["reasons"] == {"slow client": 1}


async def test_a_client_that_does_not_poll() -> None:
    """The same over polling: what waits beyond the mark is conflated, and the newest arrives."""
    keys = 3
    async with (
        ServerProcess(max_buffer_size=LIMIT, slow_clients="conflate") as server,
        aiohttp.ClientSession() as session,
    ):
        url = f"{server.url}/socket.io/?EIO=4&transport=polling"

        async def poll() -> list[str]:
            async with session.get(url) as response:
                return (await response.text()).split("\x1e")

        (opened,) = await poll()
        url += f"&sid={json.loads(opened[1:])['sid']}"
        async with session.post(url, data='40{"room":"slow"}') as response:
            assert response.status == 200
        assert (await poll())[0].startswith('40{"sid"')
        assert await server.emit("slow", SIZE, COUNT, keys=keys) <= (keys + 1) * (SIZE + 1000)
        await server.emit("slow", END, 1)
        numbers: list[int] = []
        text = ""
        while len(text) != END:
            for packet in await poll():
                _, number, text = json.loads(packet[2:])
                numbers.append(number)
        assert numbers == [0, *sorted(range(COUNT - keys, COUNT), key=lambda number: (number - 1) % keys), 0]
        stats = await server.stats()
        assert stats["drops"] == {"conflated": COUNT - keys - 1}
        assert (stats["queued"], stats["buffered"]) == (0, 0)
