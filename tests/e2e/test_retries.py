"""Packets that the official JavaScript client sends again: their handlers run once."""

from __future__ import annotations

import asyncio

import rtserver
from tests.support.engine import until
from tests.support.examples import run

from .harness.node import Node
from .harness.server import Hosting, make_server


async def test_a_handler_that_is_slower_than_the_client_is_patient_runs_once(
    node: Node, hosting: Hosting
) -> None:
    sio = make_server(duplicate_suppression=True)
    calls: list[int] = []

    @sio.event
    async def order(sid: str, number: int) -> str:
        calls.append(number)
        await until(lambda: sio.counters.duplicates >= 3)
        return f"order {number} taken"

    host = await hosting.server(sio)
    socket = await (await node.manager(host.url, "4")).socket(retries=100, ackTimeout=50)
    await socket.connected()
    assert await socket.call("order", 1) == [None, "order 1 taken"]
    assert await socket.call("order", 2) == [None, "order 2 taken"]
    assert calls == [1, 2]


async def test_a_packet_sent_again_after_a_lost_connection_runs_once(node: Node, hosting: Hosting) -> None:
    sio = make_server(duplicate_suppression=rtserver.DuplicateSuppression(id_field="packetId"))
    calls: list[str] = []
    came, release = asyncio.Event(), asyncio.Event()

    @sio.event
    async def order(sid: str, data: dict[str, str]) -> str:
        calls.append(sid)
        came.set()
        await release.wait()
        return "taken"

    host = await hosting.server(sio)
    manager = await node.manager(host.url, "4", reconnectionDelay=10)
    socket = await manager.socket(retries=100, ackTimeout=10_000)
    await socket.connected()
    answer = asyncio.ensure_future(socket.call("order", {"packetId": "2f1ed0a1-0c52-4e2b-9f5d-5a5c5b0a5a11"}))
    await came.wait()
    await manager.close_engine()
    await socket.connected()
    await until(lambda: sio.counters.duplicates)
    release.set()
    assert await answer == [None, "taken"]
    assert len(calls) == 1


async def test_the_pages_example(node: Node, hosting: Hosting) -> None:
    stored: list[dict[str, object]] = []

    async def store(data: dict[str, object]) -> None:
        stored.append(data)

    sio = run("docs/retries.md", "server", rtserver=rtserver, store=store)["sio"]
    host = await hosting.server(sio)
    socket = await (await node.manager(host.url, "4")).socket()
    await socket.connected()
    order = {"packetId": "2f1ed0a1-0c52-4e2b-9f5d-5a5c5b0a5a11", "article": 7}
    assert await socket.call("order", order) == ["taken"]
    assert await socket.call("order", order) == ["taken"]
    assert stored == [order]
