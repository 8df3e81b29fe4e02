"""The examples of docs/redis.md."""

from __future__ import annotations

import tomllib
from typing import Any

import socketio

import rtserver
from rtserver import RedisManager, Server
from rtserver.service.cluster_settings import ClusterSettings
from tests.support.examples import example

from .harness.node import Node
from .harness.redis import RedisServer
from .harness.server import Hosting

PAGE = "docs/redis.md"
URL = "redis://127.0.0.1:6379"


def run(name: str, redis_server: RedisServer) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(example(PAGE, name).replace(URL, redis_server.url), PAGE, "exec"), names)
    return names


async def test_two_servers(redis_server: RedisServer, hosting: Hosting, node: Node) -> None:
    hosts = [await hosting.server(run("server", redis_server)["sio"]) for _ in range(2)]
    one, two = [await node.connect(host.url) for host in hosts]
    await one.emit("say", "hello")
    assert await one.next("said") == await two.next("said") == ["hello"]


async def test_sharded_mode(redis_server: RedisServer, hosting: Hosting, node: Node) -> None:
    clients = []
    for _ in range(2):
        sio = run("sharded", redis_server)["sio"]
        clients.append(await node.connect((await hosting.server(sio)).url))
        await sio.enter_room(clients[-1].sid, "lobby")
    await sio.emit("news", "hello", to="lobby")
    assert [await client.next("news") for client in clients] == [["hello"], ["hello"]]


def test_where_redis_can_be() -> None:
    exec(example(PAGE, "places"), {})  # nothing is connected to before a server starts


async def test_streams(redis_server: RedisServer, hosting: Hosting, node: Node) -> None:
    servers = [run("streams", redis_server)["sio"] for _ in range(2)]
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
    names: dict[str, Any] = {}
    exec(before, names)
    assert names["AsyncRedisManager"] is socketio.AsyncRedisManager
    exec(after, names)
    assert names["AsyncRedisManager"] is rtserver.RedisManager
    manager = names["AsyncRedisManager"](URL, redis_options={"socket_timeout": 1})
    Server(client_manager=manager)


async def test_a_question(redis_server: RedisServer, hosting: Hosting, node: Node) -> None:
    servers = [Server(client_manager=RedisManager(redis_server.url)) for _ in range(2)]
    for sio in servers:
        await node.connect((await hosting.server(sio)).url)
    assert await run("question", redis_server)["count"](servers[0]) == 2


async def test_the_status(redis_server: RedisServer, hosting: Hosting) -> None:
    names = run("status", redis_server)
    await hosting.server(names["sio"])
    assert await names["health"]() == {"connected": True, "deaf_for": 0}
