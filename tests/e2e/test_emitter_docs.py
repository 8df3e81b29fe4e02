"""The examples of docs/emitters.md, against Node's server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rtserver.cluster.emitter import BlockingEmitter
from tests.support.examples import example

from .harness.either import NodeServer, Servers
from .harness.node import Node
from .harness.redis import RedisServer

PAGE = "docs/emitters.md"


@pytest.fixture
async def server(redis_server: RedisServer, servers: Servers) -> NodeServer:
    return await servers.node("cluster.js", {"adapter": {"mode": "pubsub", "url": redis_server.url}})


async def run(name: str, url: str) -> dict[str, Any]:
    """Run an example as a program would; its emitters are closed."""
    code = example(PAGE, name).replace("redis://127.0.0.1", url)
    names: dict[str, Any] = {"__name__": "example"}
    await asyncio.to_thread(exec, compile(code, PAGE, "exec"), names)
    for value in names.values():
        if isinstance(value, BlockingEmitter):
            value.close()
    return names


async def test_the_first_examples(server: NodeServer, node: Node, redis_server: RedisServer) -> None:
    client = await node.connect(server.url, auth={"rooms": ["order 17"]})
    await run("blocking", redis_server.url)
    assert await client.next("status") == [{"state": "shipped"}]
    names = await run("async", redis_server.url)
    await names["shipped"](17)
    assert await client.next("status") == [{"state": "shipped"}]


async def test_a_module(
    server: NodeServer, node: Node, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENTS_REDIS", redis_server.url)
    client = await node.connect(server.url, auth={"rooms": ["order 17"]})
    names = await run("module", redis_server.url)
    await asyncio.to_thread(names["order_shipped"], 17)
    assert await client.next("status") == [{"state": "shipped"}]
    names["emitter"].close()


async def test_chains(server: NodeServer, node: Node, redis_server: RedisServer) -> None:
    one = await node.connect(server.url, auth={"rooms": ["sports", "weather", "map", "archive", "trial"]})
    banned = await node.connect(server.url, auth={"rooms": ["sports", "muted", "banned"]})
    shop = await node.connect(server.url, namespace="/shop", auth={"rooms": ["order 17"]})
    await run("chains", redis_server.url)
    assert await one.next("position") == [52.5, 13.4]  # the first of all: the clients are ready
    assert await one.next("news") == ["for everyone"]
    assert await one.next("news") == ["each client gets it once"]
    assert await one.next("picture") == [b"\x89PNG"]
    assert await banned.next("disconnect") == ["io server disconnect"]
    assert banned.log.all("news") == [["for everyone"]]
    assert await shop.next("status") == ["shipped"]
    assert await server.log.next("prices changed") == ["/", 17]
    assert await one.call("rooms") == [["archive", "customers", "map", "news", "sports", "weather"]]


async def test_modes(redis_server: RedisServer) -> None:
    assert {"sharded", "streams"} <= set(await run("modes", redis_server.url))


async def test_redis_that_is_away(capsys: pytest.CaptureFixture[str]) -> None:
    await run("away", "redis://127.0.0.1")
    assert capsys.readouterr().out.startswith("Redis didn't take what was emitted: ")
