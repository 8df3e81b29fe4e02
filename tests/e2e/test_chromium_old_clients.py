"""The 2.x client in a real browser, on a page of another origin than the server's: JSONP, too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Page

from .harness.demo import chromium
from .harness.node import Transport
from .harness.server import Host, Hosting, make_server, recorded

CLIENT = Path(__file__).parent / "node_modules" / "socket.io-client-2" / "dist"

PAGE = """<!doctype html>
<meta charset="utf-8">
<script src="/client/socket.io.js"></script>
<script>
// Connect; resolve with what came of it.
function open_(url, options) {
  window.news = new Promise((resolve) => (window.takeNews = resolve));
  window.socket = io(url, {reconnection: false, ...options});
  socket.on("news", (...args) => takeNews(args));
  return new Promise((resolve) => {
    socket.on("connect", () => {
      const engine = socket.io.engine;
      const done = () => resolve({
        id: socket.id, transport: engine.transport.name, jsonp: "script" in engine.transport,
      });
      if (engine.transport.name === "polling" && engine.transports.includes("websocket")) {
        engine.once("upgrade", done);
      } else done();
    });
    socket.on("connect_error", (error) => resolve({error: String(error)}));
  });
}
function call(...args) {
  return new Promise((resolve) => socket.emit(...args, (...answer) => resolve(answer)));
}
function bytes(value) {
  if (!(value instanceof ArrayBuffer)) throw new Error("not binary: " + value);
  return [...new Uint8Array(value)];
}
</script>
"""

JSONP = {"transports": ["polling"], "forceJSONP": True}
WAYS: dict[str, tuple[dict[str, Any], str]] = {
    each.value: ({"transports": each.names}, each.final) for each in Transport
} | {
    "jsonp": (JSONP, "polling"),
    "jsonp and upgrade": ({**JSONP, "transports": ["polling", "websocket"]}, "websocket"),
    "base64": ({"transports": ["polling", "websocket"], "forceBase64": True}, "websocket"),
}


@pytest.fixture
async def website(hosting: Hosting) -> Host:
    """The page on an origin of its own."""
    app = web.Application()

    async def page(request: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    app.router.add_get("/", page)
    app.router.add_static("/client/", CLIENT)
    return await hosting.app(app)


@pytest.fixture
async def page(website: Host) -> AsyncIterator[Page]:
    async with chromium() as browser:
        page = await browser.new_page()
        await page.goto(website.url)
        yield page


async def open_socket(page: Page, url: str, options: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = await page.evaluate("([url, options]) => open_(url, options)", [url, options])
    return result


@pytest.mark.parametrize("way", WAYS)
async def test_events_and_bytes_both_ways(hosting: Hosting, website: Host, page: Page, way: str) -> None:
    sio = make_server(allow_eio3=True, cors_allowed_origins=[website.url])
    log = recorded(sio, "echo")
    host = await hosting.server(sio)
    options, final = WAYS[way]
    opened = await open_socket(page, host.url, options)
    sid, *_ = await log.next("connect")
    assert opened == {"id": sid, "transport": final, "jsonp": way == "jsonp"}
    text = "é, 😀, \n, \\n and \u2028"
    assert await page.evaluate("(text) => call('echo', {text: [text, null]}, 7)", text) == [
        {"text": [text, None]}, 7
    ]  # fmt: skip
    echoed = await page.evaluate(
        """async () => {
          const every = Uint8Array.from({length: 256}, (_, i) => i).buffer;
          const [one, two] = await call("echo", every, {deep: [every.slice(3, 5)]}, "é");
          return [bytes(one), bytes(two.deep[0])];
        }"""
    )
    assert echoed == [list(range(256)), [3, 4]]
    assert log.all("echo")[1] == [sid, bytes(range(256)), {"deep": [b"\x03\x04"]}, "é"]
    await sio.emit("news", ("é😀", b"\x00\xff"))
    assert await page.evaluate("news.then(([text, data]) => [text, bytes(data)])") == ["é😀", [0, 255]]
    assert await page.evaluate("call('echo', 'x'.repeat(200000)).then(([text]) => text.length)") == 200_000
    assert len(sio.eio.sessions) == 1


@pytest.mark.parametrize("way", WAYS)
async def test_a_page_of_another_origin(hosting: Hosting, page: Page, way: str) -> None:
    sio = make_server(allow_eio3=True)
    log = recorded(sio)
    host = await hosting.server(sio)
    assert "error" in await open_socket(page, host.url, WAYS[way][0])
    assert log.history == []
    assert sio.eio.counters.requests_refused == 1
    assert len(sio.eio.sessions) == 0
