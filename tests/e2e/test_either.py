"""What the other comparisons with Node's server rely on: the harness sees what there is to see."""

from __future__ import annotations

from typing import Any

import pytest

from rtserver import Server

from .harness.either import Application, Commands, Compare, Either, ServeEither, Tell
from .harness.node import Node
from .harness.transcript import Clients


def greeting(sio: Server, tell: Tell) -> Commands:
    @sio.event
    async def connect(sid: str, environ: Any) -> None:
        tell("connect", sid)

    @sio.event
    async def hello(sid: str, name: str) -> str:
        return f"Hello, {name}"

    @sio.event
    async def disconnect(sid: str) -> None:
        tell("disconnect", sid)

    async def news(text: str) -> None:
        await sio.emit("news", text)

    return {"news": news}


GREETING = Application("greeting.js", greeting)


def impolite(sio: Server, tell: Tell) -> Commands:
    commands = greeting(sio, tell)
    sio.on("hello", lambda sid, name: f"{name}?")
    return commands


async def test_one_test_for_both(either_server: ServeEither, node: Node) -> None:
    server = await either_server(GREETING)
    client = await node.connect(server.url)
    assert await server.log.next("connect") == [client.sid]
    assert await client.call("hello", "Ada") == ["Hello, Ada"]
    await server.do("news", {"rain": b"\x00"})
    assert await client.next("news") == [{"rain": b"\x00"}]
    await client.disconnect()
    assert await server.log.next("disconnect") == [client.sid]


async def greetings(server: Either, clients: Clients) -> None:
    one, two = await clients.connect(), await clients.connect()
    clients.note("answer", *await one.call("hello", "Ada"))
    await server.do("news", "rain")
    await one.next("news")
    await two.next("news")


async def test_what_both_see_is_returned(compare: Compare) -> None:
    seen = await compare(GREETING, greetings)
    assert seen.notes == [("answer", ["Hello, Ada"])]
    assert seen.server == [("connect", ["client 0"]), ("connect", ["client 1"])]
    assert seen.clients == [
        [("connect", ["client 0"]), ("news", ["rain"])],
        [("connect", ["client 1"]), ("news", ["rain"])],
    ]


async def test_a_difference_is_seen(compare: Compare) -> None:
    with pytest.raises(AssertionError, match=r"Ada\?"):
        await compare(Application("greeting.js", impolite), greetings)


async def test_an_error_on_either_server_is_told(either_server: ServeEither) -> None:
    server = await either_server(GREETING)
    with pytest.raises((RuntimeError, KeyError)):
        await server.do("no such command")
