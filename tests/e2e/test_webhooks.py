"""Webhooks: the page about them, with its two backends, the service and the official client."""

from __future__ import annotations

import base64
import hmac
import json
import re
import time
from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.examples import ROOT, example

from .harness.backend import EXAMPLES, SECRETS, ExampleBackend
from .harness.command import Command, Commands
from .harness.node import Node, Transport
from .harness.script import run_script

PAGE = "docs/webhooks.md"


@pytest.fixture(params=EXAMPLES)
async def backend(request: pytest.FixtureRequest) -> AsyncIterator[ExampleBackend]:
    async with ExampleBackend(request.param) as backend:
        yield backend


class Page:
    """A reader who has followed the page."""

    def __init__(self, folder: Path, commands: Commands) -> None:
        self._folder = folder
        self._commands = commands
        self.command: Command

    async def serve(
        self, backend: ExampleBackend, *secrets: str, more: str = "", namespaces: Sequence[str] = ("/",)
    ) -> str:
        """Serve what the page's configuration says."""
        settings = example(PAGE, "config").replace("http://127.0.0.1:9100/", backend.url)
        settings = settings.replace('["/"]', json.dumps(namespaces))
        (self._folder / "webhooks.secret").write_text("\n".join(secrets or SECRETS[:1]) + "\n")
        (self._folder / "rtserver.toml").write_text(more + settings)
        self.command = await self._commands.start("serve", "--config", "rtserver.toml", "--port", "0")
        return await self.command.url()

    def application(self) -> str:
        """Write the page's application. Returns the setting that names it."""
        (self._folder / "app.py").write_text(example(PAGE, "app"))
        return example(PAGE, "app-config")


@pytest.fixture
def page(tmp_path: Path, commands: Commands) -> Page:
    return Page(tmp_path, commands)


def test_the_backends_are_shown_as_they_are() -> None:
    text = (ROOT / PAGE).read_text()
    shown = dict(re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```\n", text, re.DOTALL))
    assert shown == {name: (ROOT / "docs/examples" / name).read_text() for _, name in EXAMPLES.values()}


@pytest.mark.parametrize("transport", [Transport.POLLING, Transport.WEBSOCKET])
async def test_a_chat(page: Page, backend: ExampleBackend, node: Node, transport: Transport) -> None:
    url = await page.serve(backend)
    ada = await node.connect(url, transport=transport, auth={"name": "Ada"})
    assert await ada.next("arrived") == ["Ada"]
    eve = await node.connect(url, transport=transport, auth={"name": "Eve"})
    assert await ada.next("arrived") == ["Eve"]
    assert await ada.call("say", "Hello!") == ["delivered"]
    assert await eve.next("said") == ["Ada", "Hello!"]
    assert await ada.call("reverse", b"\0\1\xff") == [b"\xff\1\0"]
    assert await ada.call("say", 1, 2) == [{"error": "say with 2 arguments means nothing here"}]
    assert await eve.call("join", "attic") == ["welcome to attic"]
    await ada.call("say", "Is anybody here?")
    await ada.disconnect()
    assert await backend.line() == "gone: Ada client disconnect"
    assert await eve.call("say", "Bye") == ["delivered"]
    assert [event for event, _ in eve.log.history].count("said") == 1  # it has left the lobby
    manager = await node.manager(url, transports=transport.names, reconnection=False)
    nobody = await manager.socket("/", {})
    (error,) = await nobody.next("connect_error")
    assert (error["message"], error["data"]) == ("Tell us your name", {"code": "name_missing"})


async def test_an_application_beside_it(page: Page, node: Node) -> None:
    async with ExampleBackend("python") as backend:
        client = await node.connect(await page.serve(backend, more=page.application()), auth={"name": "Ada"})
        assert await client.call("add", 1, 2, 3) == [6]
        assert await client.call("say", "Hello!") == ["delivered"]


async def test_only_the_namespaces_of_the_backend_are_there(page: Page, node: Node) -> None:
    async with ExampleBackend("python") as backend:
        url = await page.serve(backend, namespaces=["/chat"])
        client = await node.connect(url, namespace="/chat", auth={"name": "Ada"})
        assert await client.call("say", "Hello!") == ["delivered"]
        manager = await node.manager(url, transports=["websocket"], reconnection=False)
        (error,) = await (await manager.socket("/", {"name": "Ada"})).next("connect_error")
        assert error["message"] == "Invalid namespace"


async def test_the_browser_s_program(page: Page) -> None:
    program = f"""
        const {{ io }} = require("socket.io-client");
        const console = {{
          log: (...values) => {{
            process.stdout.write(JSON.stringify(values));
            socket.close();
          }},
        }};
        {example(PAGE, "client")}
        {example(PAGE, "again")}
    """
    async with ExampleBackend("python") as backend:
        url = await page.serve(backend)
        assert await run_script(f"const url = {json.dumps(url)};{program}") == ["delivered"]


async def test_with_workers_and_bytes_in_msgpack(page: Page, node: Node) -> None:
    more = 'workers = 2\nsocket.serializer = "msgpack"\n'
    async with ExampleBackend("node") as backend:
        url = await page.serve(backend, more=more)
        clients = [
            await node.connect(url, auth={"name": str(number)}, parser="socket.io-msgpack-parser")
            for number in range(6)
        ]
        assert await clients[0].call("reverse", b"ab") == [b"ba"]
        assert await clients[0].call("say", "to all workers") == ["delivered"]
        for client in clients[1:]:
            assert await client.next("said") == ["0", "to all workers"]
        status, _, _ = await page.command.end(15)
        assert status == 0
        told = {await backend.line() for _ in clients}
    assert {line.split()[1] for line in told} == {str(number) for number in range(6)}


# What the backends check.


def signed(body: bytes, *, secret: str = SECRETS[0], id: str = "msg_1", age: int = 0) -> dict[str, str]:
    moment = str(int(time.time()) - age)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, b".".join((id.encode(), moment.encode(), body)), sha256)
    signature = "v1," + base64.b64encode(digest).decode()
    return {"webhook-id": id, "webhook-timestamp": moment, "webhook-signature": signature}


DISCONNECT = json.dumps(
    {"type": "disconnect", "namespace": "/", "sid": "a", "claims": {"name": "Ada"}, "reason": "x"}
).encode()


async def post(backend: ExampleBackend, headers: dict[str, str], body: bytes = DISCONNECT) -> Any:
    async with aiohttp.ClientSession() as http, http.post(backend.url, data=body, headers=headers) as answer:
        return answer.status, await answer.read()


async def test_what_isn_t_genuine_is_refused(backend: ExampleBackend) -> None:
    genuine = signed(DISCONNECT)
    for headers in (
        {},
        {**genuine, "webhook-signature": ""},
        {**genuine, "webhook-signature": "v1,"},
        {**genuine, "webhook-signature": genuine["webhook-signature"].replace("v1,", "v2,")},
        {**genuine, "webhook-id": "msg_2"},
        {**genuine, "webhook-timestamp": str(int(genuine["webhook-timestamp"]) + 1)},
        {**genuine, "webhook-timestamp": "now"},
        signed(DISCONNECT, secret=SECRETS[1]),
        signed(DISCONNECT, age=400),
        signed(DISCONNECT, age=-400),
        signed(DISCONNECT + b" "),
    ):
        assert await post(backend, headers) == (401, b"")
    assert (await post(backend, signed(DISCONNECT, age=200)))[0] == 200
    assert await backend.line() == "gone: Ada x"


async def test_a_request_that_comes_twice_is_handled_once(backend: ExampleBackend) -> None:
    first, second = signed(DISCONNECT), signed(DISCONNECT, id="msg_2", age=1)
    assert await post(backend, first) == await post(backend, first) == (200, b"{}")
    assert await post(backend, second) == (200, b"{}")
    assert [await backend.line() for _ in range(2)] == ["gone: Ada x"] * 2
    too_long = b"x" * 1_000_001
    assert (await post(backend, signed(too_long), too_long))[0] == 413


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize(("accepted", "used"), [((0,), (0, 1)), ((0, 1), (1,)), ((1,), (0, 1))])
async def test_a_secret_is_changed(
    page: Page, node: Node, name: str, accepted: tuple[int, ...], used: tuple[int, ...]
) -> None:
    async with ExampleBackend(name, *(SECRETS[number] for number in accepted)) as backend:
        url = await page.serve(backend, *(SECRETS[number] for number in used))
        await node.connect(url, auth={"name": "Ada"})
