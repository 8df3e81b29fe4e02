"""A backend's clients come back: only its new answer counts, whichever worker they come to."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.support.examples import example

from .harness.backend import SECRETS, Answer, ScriptedBackend
from .harness.command import Commands
from .harness.node import Node, NodeManager

CONFIG = """
workers = 2
[internal]
port = 0
[metrics]
enabled = true
[recovery]
enabled = true
{auth}
[webhooks]
url = "{url}"
secrets = ["{secret}"]
[[namespaces]]
name = "/chat"
join = ["user:{{name}}", "role:{{role}}"]
backend = true
[[namespaces.events]]
name = "say"
relay = ["role:{{role}}"]
to_sender = true
"""


class Chat:
    """A service of two workers, whose backend says who each client is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._commands = Commands(folder)
        self.backend = ScriptedBackend()
        self.url = self.internal = ""

    async def start(self) -> None:
        await self.backend.start()
        config = CONFIG.format(
            auth=example("docs/webhooks.md", "user"), url=self.backend.url, secret=SECRETS[0]
        )
        (self._folder / "rtserver.toml").write_text(config)
        command = await self._commands.start("serve", "--config", "rtserver.toml", "--port", "0")
        self.internal = (await command.line(r"health and readiness and metrics on (\S+)"))[1]
        self.url = await command.url()

    def admits(self, **claims: Any) -> None:
        """Let the backend say this of everyone who comes from now on."""
        self.backend.script["connect"] = answering({"claims": claims})

    async def untold(self) -> float:
        """Return how many clients have gone of which the backend is still to be told."""
        async with aiohttp.ClientSession() as http, http.get(f"{self.internal}/metrics") as answer:
            found = re.findall(
                r"^rtserver_webhook_queued\{worker=.*\} (\S+)$", await answer.text(), re.MULTILINE
            )
        assert len(found) == 2
        return sum(map(float, found))

    async def close(self) -> None:
        await self._commands.close()  # first, because they tell the backend who has gone
        await self.backend.stop()


def answering(body: dict[str, Any]) -> Answer:
    async def answer(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        return web.json_response(body)

    return answer


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chat]:
    chat = Chat(tmp_path)
    await chat.start()
    yield chat
    await chat.close()


async def manager_of(node: Node, url: str) -> NodeManager:
    return await node.manager(url, transports=["websocket"], reconnectionDelay=50, reconnectionDelayMax=100)


async def test_a_claim_that_was_taken_away_is_gone(chat: Chat, node: Node) -> None:
    chat.admits(name="root", role="admin")
    manager = await manager_of(node, chat.url)
    socket = await manager.socket("/chat")
    sid = await socket.connected()
    assert await socket.call("say", "one") == [{"ok": True}]
    chat.admits(name="root")
    await manager.close_engine()
    await socket.next("disconnect")
    assert await socket.connected() == sid
    assert (await chat.backend.next("connect", 2))[1]["recovered"] is True
    (refused,) = await socket.call("say", "two")
    assert refused["code"] == "not_in_room"


async def test_another_user_is_a_new_client(chat: Chat, node: Node) -> None:
    chat.admits(name="root", role="admin")
    manager = await manager_of(node, chat.url)
    socket = await manager.socket("/chat")
    sid = await socket.connected()
    chat.admits(name="eve")
    await manager.close_engine()
    (error,) = await socket.next("connect_error")
    assert error["data"] == {"code": "another_user"}
    await socket.connect()
    assert await socket.connected() != sid
    assert (await chat.backend.next("connect", 3))[1]["recovered"] is False
    (refused,) = await socket.call("say", "two")
    assert refused["code"] == "not_in_room"


async def test_the_backend_isn_t_told_that_one_has_gone_which_is_back_at_another_worker(
    chat: Chat, node: Node
) -> None:
    async def fail(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        return web.Response(status=500)

    chat.admits(name="ada")
    chat.backend.script["disconnect"] = fail
    managers = [await manager_of(node, chat.url) for _ in range(8)]
    sockets = [await manager.socket("/chat") for manager in managers]
    sids = [await socket.connected() for socket in sockets]
    for manager in managers:
        await manager.close_engine()
    assert [await socket.connected() for socket in sockets] == sids
    async with asyncio.timeout(20):  # far less than it is tried again for
        while await chat.untold():  # noqa: ASYNC110 - the processes are others
            await asyncio.sleep(0.05)
    chat.backend.script.clear()
