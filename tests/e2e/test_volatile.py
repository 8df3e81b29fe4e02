"""Volatile events reach exactly those clients that they reach from Node's server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rtserver import Server

from .harness.cases import every_transport
from .harness.either import Application, Commands, Compare, Either, Tell
from .harness.node import Node, Transport
from .harness.transcript import Clients

MEGABYTE = 1_000_000
LOADS = 20
"""Megabytes that no buffer of the operating system takes."""


def volatile(sio: Server, tell: Tell) -> Commands:
    async def emit(event: str, is_volatile: bool, *args: Any) -> None:
        await (sio.volatile if is_volatile else sio.of("/")).emit(event, *args)

    @sio.event
    async def connect(sid: str, environ: Any) -> None:
        await sio.to(sid).volatile.emit("too early")

    async def turn(*events: tuple[Any, ...]) -> None:
        while not all(session.writable for session in sio.eio.sessions):  # noqa: ASYNC110
            await asyncio.sleep(0)
        for event in events:
            await emit(*event)

    async def flood(count: int, size: int) -> None:
        for number in range(count):
            await sio.emit("load", (number, "x" * size))

    return {"turn": turn, "late": emit, "flood": flood}


VOLATILE = Application(
    "volatile.js",
    volatile,
    node_options={"allowEIO3": True},
    options={"allow_eio3": True, "max_buffer_size": 64 * MEGABYTE},
)

TURNS: list[tuple[list[tuple[Any, ...]], list[str]]] = [
    ([("alone", True)], ["alone"]),
    ([("first", True), ("second", True)], ["first"]),
    ([("reliable", False), ("behind it", True)], ["reliable"]),
    ([("before it", True), ("reliable", False)], ["before it", "reliable"]),
    ([("binary", True, b"\x00", {"more": b"\x01"})], ["binary"]),
]
"""What is emitted in one turn: event, whether volatile, arguments. And what of it arrives."""


@pytest.mark.parametrize("kind", ["2", "4"])
@every_transport
async def test_in_one_turn_only_what_nothing_waits_before(
    compare: Compare, transport: Transport, kind: str
) -> None:
    async def scenario(server: Either, clients: Clients) -> None:
        everyone = [await clients.connect(transport=transport, kind=kind) for _ in range(2)]
        for events, _ in TURNS:
            await server.do("turn", *events, ("end", False))
            for client in everyone:
                await client.next("end")

    seen = await compare(VOLATILE, scenario)
    expected = [name for _, names in TURNS for name in (*names, "end")]
    for history in seen.clients:
        assert [event for event, _ in history if event != "connect"] == expected


@every_transport
async def test_a_client_that_has_stalled(compare: Compare, node: Node, transport: Transport) -> None:
    async def scenario(server: Either, clients: Clients) -> None:
        client = await clients.connect(transport=transport)
        await client.collect("load", LOADS)
        await server.do("turn")
        node.process.freeze()
        try:
            await server.do("flood", LOADS, MEGABYTE)
            for number in range(3):
                await server.do("late", "lost", True, number)
        finally:
            node.process.resume()
        clients.note("loads", *await client.collected())
        await server.do("turn", ("arrives", True))
        await client.next("arrives")

    seen = await compare(VOLATILE, scenario)
    assert seen.notes == [("loads", list(range(LOADS)))]
    assert [event for event, _ in seen.clients[0] if event != "connect"] == ["arrives"]
