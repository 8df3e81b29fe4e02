"""The examples of docs/redis.md."""

from __future__ import annotations

import tomllib
from typing import Any

import socketio

import rtserver
from rtserver import RedisManager, Server
from rtserver.service.cluster_settings import ClusterSettings
from tests.support.examples import example, execute, run

from .harness.node import Node
from .harness.redis import RedisServer
from .harness.server import Hosting

PAGE = "docs/redis.md"
URL = "redis://127.0.0.1:6379"


def run_with(redis_server: RedisServer, name: str) -> dict[str, Any]:
    """Run an example, with this Redis in the place of the page's."""
    return execute(example(PAGE, name).replace(URL, redis_server.url), PAGE)


async def test_two_servers(redis_server: RedisServer, hosting: Hosting, node: Node) -> None:
    hosts = [await hosting.server(run_with(redis_server, "server")["sio"]) for _ in range(2)]
    one, two = [await node.connect(host.url) for host in hosts]
    await one.emit("say", "hello")
    assert await one.next("said") == await two.next("said") == ["hello"]


async def test_sharded_mode(redis_server: RedisServer, hosting: Hosting, node: Node) -> None:
    clients = []
    for _ in range(2):
        sio = run_with(redis_server, "sharded")["sio"]
        clients.append(await node.connect((await hosting.server(sio)).url))
        await sio.enter_room(clients[-1].sid, "lobby")
    await sio.emit("news", "hello", to="lobby")
    assert [await client.next("news") for client in clients] == [["hello"], ["hello"]]


def test_where_redis_can_be() -> None:
    run(PAGE, "places")  # nothing is connected to before a server starts


async def test_streams(redis_server: RedisServer, hosting: Hosting, node: Node) -> None:
    servers = [run_with(redis_server, "streams")["sio"] for _ in range(2)]
    client = await node.connect((await hosting.server(servers[0])).url)
    await hosting.server(servers[1])
    await servers[1].emit("said", "hello")
    text, offset = await client.next("said")
    assert (text, offset.replace("-", "").isdigit()) == ("hello", True)


def test_the_config() -> None:
    settings = ClusterSettings.model_validate(tomllib.loads(example(PAGE, "config"))["cluster"])
    assert isinstance(settings.client_manager(), RedisManager)


def test_moving() -> None:
    before, after = (line[1:] for line in example(PAGE, "moving").splitlines())
    assert execute(before, PAGE)["AsyncRedisManager"] is socketio.AsyncRedisManager
    manager_class = execute(after, PAGE)["AsyncRedisManager"]
    assert manager_class is rtserver.RedisManager
    manager = manager_class(URL, redis_options={"socket_timeout": 1})
    Server(client_manager=manager)


async def test_a_question(redis_server: RedisServer, hosting: Hosting, node: Node) -> None:
    servers = [Server(client_manager=RedisManager(redis_server.url)) for _ in range(2)]
    for sio in servers:
        await node.connect((await hosting.server(sio)).url)
    assert await run_with(redis_server, "question")["count"](servers[0]) == 2


async def test_the_status(redis_server: RedisServer, hosting: Hosting) -> None:
    names = run_with(redis_server, "status")
    await hosting.server(names["sio"])
    assert await names["health"]() == {"connected": True, "deaf_for": 0}
