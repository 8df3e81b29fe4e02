"""The README's examples, as a reader would run them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest
import socketio
import websockets
from aiohttp import web
from playwright.async_api import Route, expect

from tests.support.examples import applied, example, execute

from .harness.channel import HERE
from .harness.demo import chromium
from .harness.scenes import SCENES
from .harness.server import Hosting
from .harness.stage import Stage

README = "README.md"


def run(code: str) -> web.Application:
    """Run a program as an import would, and return its aiohttp application."""
    app = execute(code, README, __name__="example")["app"]
    assert isinstance(app, web.Application)
    return app


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """The first application, being served."""
    stage = Stage(tmp_path)
    await SCENES["the first application"](stage)
    await stage.serve("rtserver serve --config rtserver.toml")
    yield stage
    await stage.close()


async def test_the_python_client_of_the_first_application(stage: Stage) -> None:
    stage.example(README, "client", "client.py")
    assert await stage.script("python client.py", README) == "delivered\n"


async def test_the_page_of_the_first_application(stage: Stage) -> None:
    bundle = HERE / "node_modules" / "socket.io-client" / "dist" / "socket.io.esm.min.js"
    async with chromium() as browser:
        context = await browser.new_context()
        await context.route("https://cdn.socket.io/4.*/socket.io.esm.min.js", partial(fulfill, bundle))
        one, other = await context.new_page(), await context.new_page()
        for page in (one, other):
            await page.goto(stage.url)
        await one.get_by_label("Message").fill("Hello!")
        await one.get_by_label("Message").press("Enter")
        await expect(one.get_by_role("listitem")).to_have_text("you: Hello! (delivered)")
        await expect(other.get_by_role("listitem")).to_have_text(re.compile(r"^\S{20}: Hello!$"))


async def fulfill(file: Path, route: Route) -> None:
    """Answer a request with a file, as the address that the page names would."""
    headers = {"Access-Control-Allow-Origin": "*"}
    await route.fulfill(path=file, headers=headers, content_type="text/javascript")


@pytest.mark.parametrize("library", ["python-socketio", "rtserver"])
async def test_moving_from_python_socketio(hosting: Hosting, library: str) -> None:
    code = example(README, "before")
    if library == "rtserver":
        code = applied(example(README, "after"), code)
    host = await hosting.app(run(code))
    client = socketio.AsyncClient(reconnection=False)
    await client.connect(host.url, namespaces=["/chat"])
    try:
        assert (
            await client.call("hello", "Good morning", namespace="/chat", timeout=20) == "Good morning, Ada"
        )
    finally:
        await client.disconnect()


async def test_plain_websocket(hosting: Hosting) -> None:
    host = await hosting.app(run(example(README, "plain")))
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            websockets.connect(f"{host.websocket_url}/feed", subprotocols=[websockets.Subprotocol("feed.v1")])
        )
        assert client.subprotocol == "feed.v1"
        await client.send("a" * 3)
        assert await client.recv() == "AAA"
