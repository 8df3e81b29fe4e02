"""The official client in a real browser, on a page of another origin than the server's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, Page

from .harness.node import Transport
from .harness.server import Host, Hosting, make_server, recorded

# One loop for all of them, because they share the browser.
pytestmark = pytest.mark.asyncio(loop_scope="module")

CLIENT = Path(__file__).parent / "node_modules" / "socket.io-client" / "dist"

PAGE = """<!doctype html>
<meta charset="utf-8">
<script src="/client/{build}"></script>
<script>
// Connect; resolve with what came of it.
async function open_(url, options) {{
  window.seen = {{}};
  window.socket = io(url, {{reconnection: false, ...options}});
  socket.onAny((event, ...args) => {{
    const acknowledge = typeof args.at(-1) === "function" ? args.pop() : () => {{}};
    (seen[event] ??= []).push(args);
    acknowledge(...args);
  }});
  socket.on("disconnect", (reason) => (seen.disconnect ??= []).push([reason]));
  return new Promise((resolve) => {{
    socket.on("connect", () => {{
      const engine = socket.io.engine;
      const done = () => resolve({{id: socket.id, transport: engine.transport.name}});
      if (engine.transport.name === "polling" && engine.transports.includes("websocket")) {{
        engine.once("upgrade", done);
      }} else done();
    }});
    socket.on("connect_error", (error) => resolve({{error: error.message}}));
  }});
}}
async function bytes(value) {{
  if (value instanceof Blob) value = await value.arrayBuffer();
  if (!(value instanceof ArrayBuffer)) throw new Error("not binary: " + value);
  return [...new Uint8Array(value)];
}}
</script>
"""

every_transport = pytest.mark.parametrize("transport", list(Transport), ids=lambda transport: transport.value)

Visit = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(loop_scope="module")
async def hosting() -> AsyncIterator[Hosting]:
    hosting = Hosting()
    yield hosting
    await hosting.close()


def pages(app: web.Application, build: str = "socket.io.js") -> web.Application:
    """Let an application serve the page and the client."""

    async def page(request: web.Request) -> web.Response:
        return web.Response(text=PAGE.format(build=build), content_type="text/html")

    app.router.add_get("/", page)
    app.router.add_static("/client/", CLIENT)
    return app


@pytest_asyncio.fixture(loop_scope="module")
async def website(hosting: Hosting) -> Host:
    """The page on an origin of its own."""
    return await hosting.app(pages(web.Application()))


@pytest_asyncio.fixture(loop_scope="module")
async def visit(browser: Browser) -> AsyncIterator[Visit]:
    """Open a page in a fresh profile."""
    contexts = []

    async def visit(url: str, cookies: Any = ()) -> Page:
        context = await browser.new_context()
        contexts.append(context)
        if cookies:
            await context.add_cookies(cookies)
        page = await context.new_page()
        await page.goto(url)
        return page

    yield visit
    for context in contexts:
        await context.close()


async def open_socket(page: Page, url: str, transport: Transport, **options: Any) -> dict[str, Any]:
    result: dict[str, Any] = await page.evaluate(
        "([url, options]) => open_(url, options)", [url, {"transports": transport.names, **options}]
    )
    return result


@every_transport
async def test_cross_origin_with_credentials_and_preflight(
    hosting: Hosting, website: Host, visit: Visit, transport: Transport
) -> None:
    sio = make_server(cors_allowed_origins=[website.url], cookie="io")
    log = recorded(sio, "echo")
    host = await hosting.server(sio)
    page = await visit(website.url, [{"name": "session", "value": "abc", "url": host.url}])
    opened = await open_socket(
        page,
        host.url,
        transport,
        withCredentials=True,
        extraHeaders={"X-Tenant": "acme"},
        auth={"token": "é"},
    )
    sid, environ, auth = await log.next("connect")
    assert opened == {"id": sid, "transport": transport.final}
    assert auth == {"token": "é"}
    assert environ["HTTP_ORIGIN"] == website.url
    assert "session=abc" in environ["HTTP_COOKIE"]
    cookies = {cookie["name"] for cookie in await page.context.cookies(host.url)}
    if transport is not Transport.WEBSOCKET:  # browsers can't send other headers with a WebSocket
        assert environ["HTTP_X_TENANT"] == "acme"
        assert cookies == {"session", "io"}
    assert await page.evaluate("socket.emitWithAck('echo', {a: [1, null, '😀']})") == {"a": [1, None, "😀"]}


@every_transport
async def test_binary(hosting: Hosting, website: Host, visit: Visit, transport: Transport) -> None:
    sio = make_server(cors_allowed_origins="*")
    log = recorded(sio, "binary")
    host = await hosting.server(sio)
    page = await visit(website.url)
    sid = (await open_socket(page, host.url, transport))["id"]
    echoed = await page.evaluate(
        """async () => {
          const every = Uint8Array.from({length: 256}, (_, i) => i);
          const [buffer, array, blob, deep] = await new Promise((resolve) => socket.emit(
            "binary", every.buffer, every, new Blob([every, "text"]), {deep: [every.subarray(3, 5)]},
            (...args) => resolve(args)));
          return Promise.all([buffer, array, blob, deep.deep[0]].map(bytes));
        }"""
    )
    every = list(range(256))
    assert echoed == [every, every, every + list(b"text"), [3, 4]]
    assert await log.next("binary") == [
        sid, bytes(every), bytes(every), bytes(every) + b"text", {"deep": [b"\x03\x04"]}
    ]  # fmt: skip
    assert await sio.call("picture", {"png": b"\x89PNG" * 50_000}, to=sid) == {"png": b"\x89PNG" * 50_000}
    assert await page.evaluate("bytes(seen.picture[0][0].png).then((b) => b.length)") == 200_000


@every_transport
async def test_a_refused_origin(hosting: Hosting, website: Host, visit: Visit, transport: Transport) -> None:
    for allowed in ([], ["https://app.example"]):
        sio = make_server(cors_allowed_origins=allowed or None)
        log = recorded(sio)
        host = await hosting.server(sio)
        page = await visit(website.url)
        result = await open_socket(page, host.url, transport)
        assert result["error"] in {"xhr poll error", "websocket error"}
        assert log.history == []
        assert sio.eio.counters.requests_refused == 1
        assert len(sio.eio.sessions) == 0


@every_transport
async def test_the_same_origin_needs_no_setting(hosting: Hosting, visit: Visit, transport: Transport) -> None:
    sio = make_server()
    recorded(sio, "echo")
    app = pages(web.Application())
    sio.attach(app)
    host = await hosting.app(app)
    page = await visit(host.url)
    assert (await open_socket(page, "/", transport))["transport"] == transport.final
    assert (
        await page.evaluate("socket.emitWithAck('echo', 'x'.repeat(300000)).then((x) => x.length)") == 300_000
    )


@every_transport
async def test_compression(hosting: Hosting, website: Host, visit: Visit, transport: Transport) -> None:
    sio = make_server(cors_allowed_origins="*", per_message_deflate=True)
    recorded(sio, "echo")
    host = await hosting.server(sio)
    page = await visit(website.url)
    await open_socket(page, host.url, transport)
    for size in (10, 2000, 400_000):
        text = "again, é " * (size // 10)
        assert await page.evaluate("(text) => socket.emitWithAck('echo', text)", text) == text
    await sio.emit("all", text)
    assert await page.evaluate("socket.emitWithAck('echo', 1).then(() => seen.all[0][0])") == text


async def test_the_msgpack_build(hosting: Hosting, visit: Visit) -> None:
    sio = make_server(serializer="msgpack")
    recorded(sio, "echo")
    app = pages(web.Application(), "socket.io.msgpack.min.js")
    sio.attach(app)
    host = await hosting.app(app)
    page = await visit(host.url)
    for transport in Transport:
        assert (await open_socket(page, "/", transport))["transport"] == transport.final
        assert await page.evaluate("socket.emitWithAck('echo', [1.5, null, {a: 'é'}])") == [
            1.5,
            None,
            {"a": "é"},
        ]


@every_transport
async def test_a_page_that_is_closed(
    hosting: Hosting, website: Host, visit: Visit, transport: Transport
) -> None:
    sio = make_server(cors_allowed_origins="*")
    log = recorded(sio)
    host = await hosting.server(sio)
    page = await visit(website.url)
    sid = (await open_socket(page, host.url, transport, closeOnBeforeunload=True))["id"]
    await page.goto("about:blank")
    left, reason = await log.next("disconnect")
    assert left == sid
    assert reason in {"transport close", "client disconnect"}
