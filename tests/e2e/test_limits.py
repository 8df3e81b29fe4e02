"""Limits of a service, with the official client: the example of the page about them, with smaller numbers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import aiohttp
import pytest

from tests.support.examples import example, said
from tests.support.tokens import SECRET, token

from .harness.command import Commands
from .harness.node import Node, Transport

PAGE = "docs/limits.md"
APPLICATION = """
def setup(sio):
    @sio.event
    async def echo(sid, value):
        return value

    @sio.event
    async def enter(sid, room):
        await sio.enter_room(sid, room)
        return "entered"

    for name in ("/a", "/b", "/c"):
        sio.on("event", print, namespace=name)
"""


@pytest.fixture
def commands(commands: Commands) -> Commands:
    commands.write(app=APPLICATION)
    return commands


async def serve(commands: Commands, more: str = "", /, **limits: float) -> str:
    """Serve the page's example, with numbers of a test's own."""
    settings = example(PAGE, "config")
    for name, number in limits.items():
        settings, count = re.subn(rf"^{name} = .*$", f"{name} = {number}", settings, flags=re.MULTILINE)
        assert count == 1
    return await (await commands.serve(settings + more)).url()


REFUSALS = {
    "connections": (503, "Unavailable: the server has 2 clients, the most that it takes; try again in 10 s"),
    "connections_per_address": (
        429,
        "Too many requests: this address has 2 connections, the most that it may have; try again in 10 s",
    ),
}


@pytest.mark.parametrize("limit", REFUSALS)
async def test_too_many_clients(node: Node, commands: Commands, limit: str) -> None:
    status, message = REFUSALS[limit]
    url = await serve(commands, **{limit: 2})
    clients = [await node.connect(url, transport=transport) for transport in list(Transport)[:2]]
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{url}/socket.io/?EIO=4&transport=polling") as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (status, "10")
            assert await answer.json() == {"code": 4, "message": message}
        manager = await node.manager(url, transports=["websocket"], reconnection=False)
        await (await manager.socket("/", None)).next("connect_error")
        await clients[0].disconnect()
        again = await node.connect(url, transport=Transport.WEBSOCKET, reconnection=True)
    assert await again.call("echo", 1) == [1]


async def test_handshakes_come_too_quickly(commands: Commands) -> None:
    url = await serve(commands, handshakes_per_second=1, handshakes_burst=3)
    statuses = []
    async with aiohttp.ClientSession() as http:
        for _ in range(6):
            async with http.get(f"{url}/socket.io/?EIO=4&transport=polling") as answer:
                statuses.append(answer.status)
    assert statuses[:3] == [200, 200, 200]
    assert 429 in statuses[3:]


@pytest.mark.parametrize("transport", [Transport.POLLING, Transport.WEBSOCKET])
async def test_a_flood_of_events(node: Node, commands: Commands, transport: Transport) -> None:
    url = await serve(commands, events_per_second=0.001, events_burst=10, tolerance=1000)
    flood = await node.connect(url, transport=transport)
    other = await node.connect(url, transport=transport)
    await flood.stream("echo", 100, 10)
    assert await other.call("echo", "hello") == ["hello"]
    (answer,) = await flood.call("echo", "one more")
    assert answer.pop("retry_after") > 0
    assert answer.items() <= json.loads(said(PAGE, "flood")).items()


async def test_a_flood_that_doesn_t_end(node: Node, commands: Commands) -> None:
    url = await serve(commands, events_per_second=5, events_burst=10, tolerance=20)
    flood = await node.connect(url)
    await flood.stream("echo", 100, 10)
    assert await flood.next("disconnect") == ["transport close"]


async def test_rooms_of_a_client(node: Node, commands: Commands) -> None:
    url = await serve(commands, max_rooms=2)
    client = await node.connect(url)
    answers = [await client.call("enter", room) for room in ("a", "b", "c")]
    refusal = json.loads(said(PAGE, "rooms").replace("1000", "2"))
    assert answers == [["entered"], ["entered"], [refusal]]


async def test_namespaces_of_a_client(node: Node, commands: Commands) -> None:
    url = await serve(commands, max_namespaces=2)
    manager = await node.manager(url, transports=["websocket"], reconnection=False)
    for name in ("/a", "/b"):
        await (await manager.socket(name, None)).next("connect")
    (error,) = await (await manager.socket("/c", None)).next("connect_error")
    assert (error["message"], error["data"]) == ("Too many namespaces", {"code": "too_many_namespaces"})


async def test_clients_of_one_user(node: Node, commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "token.secret").write_bytes(SECRET)
    more = (
        'connections_per_user = 1\n[auth]\nnamespaces = ["*"]\n'
        '[[auth.keys]]\nalgorithm = "HS256"\nsecret_file = "token.secret"\n'
    )
    url = await serve(commands, more)
    ada = await node.connect(url, auth={"token": token()})
    await node.connect(url, auth={"token": token(sub="eve")})
    manager = await node.manager(url, transports=["websocket"], reconnection=False)
    refused = await manager.socket("/", {"token": token()})
    (error,) = await refused.next("connect_error")
    assert error["data"] == {"code": "too_many_connections"}
    await ada.disconnect()
    await node.connect(url, auth={"token": token()})
