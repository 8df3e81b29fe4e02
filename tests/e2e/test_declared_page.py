"""The examples of the page about namespaces without an application; its commands have a test of their own."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.support.examples import example
from tests.support.tokens import SECRET, token

from .harness.backend import EXAMPLES, SECRETS, ExampleBackend
from .harness.command import Commands
from .harness.demo import chromium
from .harness.node import Node
from .harness.script import run_script

PAGE = "docs/declared-namespaces.md"
CLIENT = Path(__file__).parent / "node_modules" / "socket.io-client" / "dist"


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


async def serve(commands: Commands, name: str, more: str = "") -> str:
    return await (await commands.serve(example(PAGE, name) + more)).url()


async def visit(browser: Browser, url: str) -> Page:
    """Open the page, with the client that is installed here in the place of the network's."""

    async def client(route: Route) -> None:
        await route.fulfill(path=CLIENT / route.request.url.rpartition("/")[2])

    page = await (await browser.new_context()).new_page()
    await page.route("https://cdn.socket.io/**", client)
    await page.goto(url)
    return page


async def say(page: Page, text: str) -> None:
    await page.locator("input").fill(text)
    await page.locator("input").press("Enter")


async def test_the_chat(browser: Browser, commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text(example(PAGE, "page"))
    url = await serve(commands, "chat")
    ada, bob = await visit(browser, url), await visit(browser, url)
    elsewhere = await visit(browser, f"{url}/#garden")
    await say(ada, "hello")
    for page in (ada, bob):
        await expect(page.locator("li")).to_have_text(["hello"])
    await say(elsewhere, "anyone here?")
    await expect(elsewhere.locator("li")).to_have_text(["anyone here?"])
    await say(bob, "hi")
    await expect(ada.locator("li")).to_have_text(["hello", "hi"])
    late = await visit(browser, url)
    await expect(late.locator("li")).to_have_text(["hello", "hi"])


async def test_the_teams(node: Node, commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "token.secret").write_bytes(SECRET)
    url = await serve(commands, "teams")
    tokens = [token(sub=name.lower(), name=name, teams=["red"]) for name in ("Bob", "Ada")]
    bob = await node.connect(url, namespace="/work", auth={"token": tokens[0]})
    assert await bob.call("join", "project:red:website") == [{"ok": True}]
    program = f"""
        const {{ io: connect }} = require("socket.io-client");
        const io = (namespace, options) => connect({json.dumps(url)} + namespace, options);
        const fetchToken = async () => {json.dumps(tokens[1])};
        const show = () => {{}};
        const apply = (project, change) => {{
          console.log(JSON.stringify([project, change]));
          process.exit(0);
        }};
        (async () => {{ {example(PAGE, "client")} }})();
    """
    change = {"title": "Home"}
    assert await run_script(program) == ["project:red:website", change]
    assert await bob.next("edit") == [{"sub": "ada", "name": "Ada"}, "project:red:website", change]


@pytest.mark.parametrize("name", EXAMPLES)
async def test_the_backend(node: Node, commands: Commands, tmp_path: Path, name: str) -> None:
    (tmp_path / "webhooks.secret").write_text(SECRETS[0])
    async with ExampleBackend(name) as backend:
        text = example(PAGE, "backend").replace("http://127.0.0.1:9100/", backend.url)
        url = await (await commands.serve(text)).url()
        manager = await node.manager(url, transports=["websocket"], reconnection=False)
        (error,) = await (await manager.socket("/chat")).next("connect_error")
        assert error["data"] == {"code": "name_missing"}
        ada = await node.connect(url, namespace="/chat", auth={"name": "Ada"})
        bob = await node.connect(url, namespace="/chat", auth={"name": "Bob"})
        assert await ada.next("arrived") == ["Ada"]
        assert await ada.next("arrived") == ["Bob"]
        assert await ada.call("wave", 1) == [{"ok": True}]
        assert await bob.next("wave") == [{"name": "Ada"}, 1]
        assert await bob.call("say", "Hello!") == ["delivered"]
        assert await ada.next("said") == ["Bob", "Hello!"]
        assert await ada.call("reverse", b"\x00\x01") == [b"\x01\x00"]
        await bob.disconnect()
        assert await backend.line() == "gone: Bob client disconnect"
    (answer,) = await ada.call("say", "Is anybody there?")
    assert answer["code"] == "backend_unavailable"
    assert await ada.call("wave", 2) == [{"ok": True}]


async def test_the_limits(node: Node, commands: Commands) -> None:
    url = await serve(commands, "limits")
    client = await node.connect(url, namespace="/chat")
    answers = [(await client.call("join", f"room:{number}"))[0] for number in range(20)]
    assert answers == [{"ok": True}] * 20
    answer: dict[str, object] = {"ok": True}
    while answer.get("code") != "rate_limited":
        (answer,) = await client.call("join", "room:0")
    assert answer["message"] == "rate limit exceeded"
    assert isinstance(answer["retry_after"], float)
    assert 0 < answer["retry_after"] <= 0.2
