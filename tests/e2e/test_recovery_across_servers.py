"""Official clients that lose their connection to one server and come back to another, over Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

import rtserver

from .harness.faulty_proxy import FaultyProxy
from .harness.node import Node, NodeSocket, Transport
from .harness.redis import RedisServer
from .harness.server import Hosting, make_server
from .test_recovery import come_back, drop

MODES: dict[str, dict[str, Any]] = {
    "pubsub": {"mode": "pubsub"},
    "sharded": {"mode": "sharded"},
    "static": {"mode": "sharded", "subscription_mode": "static"},
}
every_transport = pytest.mark.parametrize("transport", list(Transport), ids=lambda transport: transport.value)


class Pair:
    """Two servers, and a proxy that takes clients to one of them."""

    def __init__(self, servers: list[rtserver.Server], ports: list[int], proxy: FaultyProxy) -> None:
        self.servers = servers
        self._ports = ports
        self._proxy = proxy

    @property
    def url(self) -> str:
        return self._proxy.url

    def switch(self, number: int) -> None:
        """Take those that come from now on to this server."""
        self._proxy.port = self._ports[number]


@pytest.fixture(params=MODES)
async def pair(
    request: pytest.FixtureRequest, redis_server: RedisServer, hosting: Hosting
) -> AsyncIterator[Pair]:
    servers, ports = [], []
    for _ in range(2):
        manager = rtserver.RedisManager(redis_server.url, **MODES[request.param])
        servers.append(make_server(client_manager=manager, connection_state_recovery=True))
        ports.append((await hosting.server(servers[-1])).port)
    async with FaultyProxy(ports[0]) as proxy:
        yield Pair(servers, ports, proxy)


@every_transport
async def test_a_client_comes_back_to_another_server(pair: Pair, node: Node, transport: Transport) -> None:
    one, two = pair.servers
    client = await node.connect(pair.url, transport=transport)
    sid = client.sid
    await one.enter_room(sid, "room")
    await one.save_session(sid, {"name": "Ada"})
    await two.emit("n", 1, room="room")
    assert await numbers(client, 1) == [1]
    await drop(client)
    await two.emit("n", 2, room="room")
    await one.emit("n", b"\x03", to=sid)
    await two.emit("n", "not this one", room="elsewhere")
    pair.switch(1)
    assert await come_back(client)
    assert client.sid == sid
    assert sorted(await numbers(client, 2), key=str) == sorted([2, b"\x03"], key=str)
    assert (sorted(two.rooms(sid)), await two.get_session(sid)) == (sorted([sid, "room"]), {"name": "Ada"})
    await one.emit("n", 4, room="room")
    assert await numbers(client, 1) == [4]


async def test_it_goes_on_from_one_to_the_other(pair: Pair, node: Node) -> None:
    client = await node.connect(pair.url)
    await pair.servers[0].enter_room(client.sid, "room")
    for number in range(8):
        await drop(client)
        pair.switch(number % 2)
        for _ in range(5):
            await pair.servers[number // 2 % 2].emit("n", number, room="room")
        assert await come_back(client)
        await pair.servers[0].emit("n", "live")
        assert sorted(map(str, await numbers(client, 6))) == [*[str(number)] * 5, "live"]


async def test_a_connection_that_the_other_server_believes_alive_is_replaced(pair: Pair, node: Node) -> None:
    one, two = pair.servers
    left: list[str] = []
    one.on("disconnect", lambda sid, reason: left.append(reason))
    client = await node.connect(pair.url)
    sid = client.sid
    for link in list(pair._proxy.links):
        link.vanish()
    await client.next("disconnect")
    await one.emit("n", 1)
    pair.switch(1)
    assert await come_back(client)
    assert (client.sid, left) == (sid, ["transport close"])
    assert await numbers(client, 1) == [1]
    await two.emit("n", 2, to=sid)
    assert await numbers(client, 1) == [2]


async def numbers(client: NodeSocket, count: int) -> list[Any]:
    """Return the first arguments of the next events."""
    return [(await client.next("n"))[0] for _ in range(count)]
