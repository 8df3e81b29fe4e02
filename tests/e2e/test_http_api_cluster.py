"""The HTTP API of several processes: any of them answers for all, and repeated requests meet."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.examples import example

from .harness.api import ApiClient
from .harness.command import Command, Commands
from .harness.node import Node, NodeSocket
from .harness.redis import RedisServer

PAGE = "docs/http-api.md"
KEY = "a key that nobody guesses, 32 characters long"
REDIS = """
[cluster]
manager = "redis"
url = "{url}"
request_timeout = 1
[presence]
rooms = ["*"]
"""
PATIENCE = 30


@pytest.fixture
def commands(commands: Commands, tmp_path: Path) -> Commands:
    commands.write(app=example(PAGE, "app"))
    (tmp_path / "api.key").write_text(KEY)
    return commands


class Nodes:
    """Services that Redis joins, each with a client of a user of its own, and a backend that talks to it."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.apis: list[ApiClient] = []
        self.clients: list[NodeSocket] = []


@pytest.fixture
async def nodes(commands: Commands, redis_server: RedisServer, node: Node) -> AsyncIterator[Nodes]:
    """Two of them: ada's client is at the first one, eve's at the second one."""
    settings = example(PAGE, "config") + REDIS.format(url=redis_server.url)
    nodes = Nodes()
    async with AsyncExitStack() as stack:
        for name in ("ada", "eve"):
            command = await commands.serve(settings)
            url = await command.url()
            nodes.commands.append(command)
            nodes.apis.append(await stack.enter_async_context(ApiClient(url, KEY)))
            nodes.clients.append(await node.connect(url, auth={"name": name}))
        async with asyncio.timeout(PATIENCE):
            for api in nodes.apis:  # until they know of each other
                while (await api.post("sockets")).ok["count"] < 2:
                    pass
        yield nodes


def count(client: NodeSocket, event: str) -> int:
    return [name for name, _ in client.log.history].count(event)


async def test_workers(commands: Commands, node: Node) -> None:
    command = await commands.serve(example(PAGE, "config"), "--workers", "3")
    url = await command.url()
    clients = [await node.connect(url, auth={"name": f"user {number}"}) for number in range(6)]
    async with ApiClient(url, KEY) as api:
        answers = await asyncio.gather(*(api.post("sockets") for _ in range(6)))
        assert {each.ok["count"] for each in answers} == {6}
        assert len({each["id"][:4] for each in answers[0].body["sockets"]}) > 1, "one worker has all clients"
        await api.post("join", clients={"users": ["user 0", "user 5"]}, rooms=["lobby"])
        event: dict[str, Any] = {"to": {"rooms": ["lobby"]}, "event": "paid", "args": [1], "ack_timeout": 20}
        # each of them has a connection of its own, and so any worker
        results = await asyncio.gather(*(api.post("emit", "order", **event) for _ in range(12)))
        assert {str(each.ok) for each in results} == {str(results[0].body)}
        assert results[0].body["acks"] == {"answers": [1, 1], "missing_clients": 0, "missing_nodes": []}
        assert sum("Idempotent-Replayed" not in each.headers for each in results) == 1
        assert [count(client, "paid") for client in clients] == [1, 0, 0, 0, 0, 1]
        await api.post("disconnect", clients="all")
        for client in clients:
            assert await client.next("disconnect") == ["io server disconnect"]
    assert (await command.end(signal.SIGTERM))[0] == 0


async def test_a_node_answers_for_all(nodes: Nodes) -> None:
    ada, eve = nodes.clients
    first, second = nodes.apis
    await eve.answer("question", "yes", 2)
    acks = (await first.post("emit", to="all", event="question", ack_timeout=20)).ok["acks"]
    assert sorted(acks["answers"], key=str) == [None, ["yes", 2]]
    await first.post("join", clients={"users": ["eve"]}, rooms=["lobby"])
    presence = (await first.post("presence", room="lobby")).ok
    assert (list(presence["members"]), presence["missing_nodes"]) == ([eve.sid], [])
    await second.post("emit", to={"rooms": ["lobby"], "sockets": [ada.sid]}, event="news", args=[1])
    assert await ada.next("news") == await eve.next("news") == [1]
    await first.post("leave", clients="all", rooms=["lobby"])
    await first.post("disconnect", clients={"users": ["eve"]})
    assert await eve.next("disconnect") == ["io server disconnect"]


async def test_requests_that_are_repeated_at_another_node(nodes: Nodes) -> None:
    event: dict[str, Any] = {"to": "all", "event": "paid", "args": [1], "ack_timeout": 20}
    results = await asyncio.gather(*(api.post("emit", "order", **event) for api in nodes.apis * 3))
    assert {str(each.ok) for each in results} == {str(results[0].body)}
    assert sum("Idempotent-Replayed" not in each.headers for each in results) == 1
    assert [count(client, "paid") for client in nodes.clients] == [1, 1]


async def test_a_node_that_doesn_t_answer_is_named(nodes: Nodes) -> None:
    first, _ = nodes.apis
    frozen = nodes.commands[1].process
    frozen.send_signal(signal.SIGSTOP)
    try:
        for command, fields in (
            ("sockets", {}),
            ("presence", {"room": "user:eve"}),
        ):
            answer = (await first.post(command, None, **fields)).ok
            assert len(answer["missing_nodes"]) == 1, command
        assert len((await first.post("join", clients="all", rooms=["x"])).ok["missing_nodes"]) == 1
        acks = (await first.post("emit", to="all", event="question", ack_timeout=1)).ok["acks"]
        assert (acks["answers"], len(acks["missing_nodes"])) == ([None], 1)
    finally:
        frozen.send_signal(signal.SIGCONT)


async def test_redis_is_away(nodes: Nodes, redis_server: RedisServer) -> None:
    ada, _ = nodes.clients
    first, _ = nodes.apis
    await redis_server.kill()
    async with asyncio.timeout(PATIENCE):
        while (await first.post("emit", to="all", event="news")).ok["in_touch"]:
            pass
    await first.post("emit", to="all", event="last")
    await ada.next("last")  # those who are here have it
    refused = await first.post("emit", "order", to="all", event="paid")
    assert (refused.status, refused.body["code"]) == (503, "busy")
    assert refused.headers["Retry-After"] == "1"
    assert count(ada, "paid") == 0
