"""The browser client that the server serves: as Node's server does, and in a real browser."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser

from rtserver import Server
from rtserver.transport.client_bundle import BUNDLES
from tests.support.examples import example

from .harness.either import Application, Servers, Tell
from .harness.server import Hosting, make_server

# One loop for all of them, because they share the browser and Node's server.
pytestmark = pytest.mark.asyncio(loop_scope="module")

PACKAGES = Path(__file__).parent / "node_modules"
CLIENT = PACKAGES / "socket.io-client" / "dist"
FILES = [name + suffix for name in BUNDLES for suffix in ("", ".map")]


def greeting(sio: Server, tell: Tell) -> None:
    sio.on("hello", lambda sid, name: f"Hello, {name}")


GREETING = Application("greeting.js", greeting, options={"serve_client": CLIENT})


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def urls() -> AsyncIterator[dict[str, str]]:
    """Where Node's server and ours listen, by kind."""
    hosting = Hosting()
    servers = Servers(hosting)
    yield {kind: (await servers.start(kind, GREETING)).url for kind in ("node", "rtserver")}
    servers.stop()
    await hosting.close()


class Answer:
    """A response, with the headers that matter to browsers and caches."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status = status
        self.kind = headers.get("Content-Type")
        self.caching = headers.get("Cache-Control")
        self.tag = headers.get("ETag", "")
        self.coding = headers.get("Content-Encoding")
        self.body = body


async def fetch(url: str, method: str = "GET", **headers: str) -> Answer:
    named = {"Accept-Encoding": "identity"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    async with (
        aiohttp.ClientSession(auto_decompress=False) as http,
        http.request(method, url, headers=named) as answer,
    ):
        return Answer(answer.status, answer.headers, await answer.read())


@pytest.mark.parametrize("name", FILES)
async def test_each_file_is_served_as_by_nodes_server(urls: dict[str, str], name: str) -> None:
    assert (CLIENT / name).read_bytes() == (PACKAGES / "socket.io" / "client-dist" / name).read_bytes()
    seen: list[dict[str, Any]] = []
    for url in urls.values():
        file = f"{url}/socket.io/{name}"
        plain = await fetch(file)
        assert plain.body == (CLIENT / name).read_bytes()
        assert re.fullmatch(r'(W/)?"[!#-~]+"', plain.tag)
        head = await fetch(file, "HEAD")
        assert (head.body, head.tag) == (b"", plain.tag)
        compressed = await fetch(file, Accept_Encoding="gzip")
        assert gzip.decompress(compressed.body) == plain.body
        strong = plain.tag.removeprefix("W/")
        revalidated = [
            (await fetch(file, If_None_Match=tag)) for tag in (strong, f"W/{strong}", '"of another version"')
        ]
        seen.append(
            {
                "status": (plain.status, head.status, compressed.status),
                "kind": (plain.kind, head.kind, compressed.kind),
                "caching": (plain.caching, head.caching, compressed.caching),
                "coding": (plain.coding, head.coding, compressed.coding),
                "revalidated": [(answer.status, answer.body == b"") for answer in revalidated],
                "with a query": (await fetch(f"{file}?v=1")).body == plain.body,
                "with something behind": (await fetch(f"{file}/")).status == 200,
            }
        )
    expected, ours = seen
    assert ours == expected
    assert ours["status"] == (200, 200, 200)
    assert [status for status, _ in ours["revalidated"]] == [304, 304, 200]


async def test_a_coding_that_only_nodes_server_has(urls: dict[str, str]) -> None:
    """Brotli would be a dependency more; deflate is of no use to a client that doesn't take gzip."""
    name = "socket.io/socket.io.js"
    for accepted, theirs in (("br, gzip", "br"), ("deflate", "deflate")):
        node = await fetch(f"{urls['node']}/{name}", Accept_Encoding=accepted)
        ours = await fetch(f"{urls['rtserver']}/{name}", Accept_Encoding=accepted)
        assert node.coding == theirs
        assert ours.coding == ("gzip" if "gzip" in accepted else None)
    assert zlib.decompress(node.body) == ours.body


@pytest.mark.parametrize("name", BUNDLES)
async def test_each_script_names_its_map(urls: dict[str, str], name: str) -> None:
    script = await fetch(f"{urls['rtserver']}/socket.io/{name}")
    (source_map,) = re.findall(rb"//# sourceMappingURL=(\S+)\s*\Z", script.body)
    assert source_map.decode() == f"{name}.map"
    assert (await fetch(f"{urls['rtserver']}/socket.io/{source_map.decode()}")).status == 200


SCRIPT = """<!doctype html><script src="{path}"></script>
<script>window.answer = (name) => io({options}).timeout(10000).emitWithAck("hello", name);</script>"""
MODULE = """<!doctype html><script type="module">
import {{ io }} from "{path}";
window.answer = (name) => io({options}).timeout(10000).emitWithAck("hello", name);
</script>"""


@pytest.mark.parametrize("lane", [False, True], ids=["aiohttp", "lane"])
@pytest.mark.parametrize(
    ("page", "name", "serializer"),
    [
        (SCRIPT, "socket.io.js", "default"),
        (SCRIPT, "socket.io.min.js", "default"),
        (MODULE, "socket.io.esm.min.js", "default"),
        (SCRIPT, "socket.io.msgpack.min.js", "msgpack"),
    ],
    ids=BUNDLES,
)
async def test_a_page_loads_it_and_connects(
    browser: Browser, page: str, name: str, serializer: str, lane: bool
) -> None:
    sio = make_server(serve_client=CLIENT, serializer=serializer)
    greeting(sio, lambda event, *args: None)
    text = page.format(path=f"/socket.io/{name}", options="")
    errors = await visit(browser, sio, text, lane)
    assert errors == []


async def test_the_script_of_the_documentation(browser: Browser) -> None:
    sio = make_server(serve_client=CLIENT)
    greeting(sio, lambda event, *args: None)
    more = "<script>window.answer = (name) => socket.timeout(10000).emitWithAck('hello', name);</script>"
    assert await visit(browser, sio, f"<!doctype html>{example('docs/http.md', 'script')}{more}", False) == []


async def test_a_page_of_another_origin_imports_it(browser: Browser) -> None:
    hosting = Hosting()
    sio = make_server(serve_client=CLIENT, cors_allowed_origins="*")
    greeting(sio, lambda event, *args: None)
    try:
        url = (await hosting.server(sio)).url
        text = MODULE.format(path=f"{url}/socket.io/socket.io.esm.min.js", options=f'"{url}"')
        errors = await visit(browser, make_server(), text, lane=False)
        assert errors == []
    finally:
        await hosting.close()


async def visit(browser: Browser, sio: Server, text: str, lane: bool) -> list[str]:
    """Open a page on a server, let it connect and be greeted, and return what it complained of."""
    hosting = Hosting()
    app = web.Application()
    sio.attach(app)

    async def page_of(request: web.Request) -> web.Response:
        return web.Response(text=text, content_type="text/html")

    app.router.add_get("/", page_of)
    context = await browser.new_context()
    try:
        host = await hosting.app(app, lane=sio if lane else None)
        page = await context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        await page.goto(host.url)
        await page.wait_for_function("window.answer !== undefined")
        assert await page.evaluate("answer('Ada')") == "Hello, Ada"
        return errors
    finally:
        await context.close()
        await hosting.close()
