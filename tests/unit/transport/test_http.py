"""Our route where aiohttp serves it to the end, because the application has a middleware."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.support.engine import Recorder, serve, until

POLLING = "/engine.io/?EIO=4&transport=polling"


def application(seen: list[tuple[str, int]]) -> web.Application:
    """Make an application that takes note of every response."""

    @web.middleware
    async def note(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        response: web.StreamResponse = await handler(request)
        seen.append((request.method, response.status))
        response.headers["X-Seen"] = str(len(seen))
        return response

    return web.Application(middlewares=[note])


def post_head(sid: str, headers: str) -> bytes:
    return f"POST {POLLING}&sid={sid} HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n".encode()


async def test_the_middleware_sees_every_response() -> None:
    seen: list[tuple[str, int]] = []
    async with serve(Recorder(echo=True), app=application(seen)) as served:
        client, sid = await served.open_polling()
        assert (await client.push(sid, b"4x")).headers["x-seen"] == "2"
        assert (await client.poll(sid)).headers["x-seen"] == "3"
        assert (await client.poll("nobody")).headers["x-seen"] == "4"
        assert seen == [("GET", 200), ("POST", 200), ("GET", 200), ("GET", 400)]


async def test_it_sees_a_websocket_too() -> None:
    seen: list[tuple[str, int]] = []
    async with serve(app=application(seen)) as served:
        client = await served.open_websocket()
        client.send("4x")
        assert await served.handler.messages.get() == "x"
        assert [method for method, _ in seen] == ["GET"]


async def test_a_body_that_never_comes() -> None:
    async with serve(app=application([]), keepalive_timeout=0.1) as served:
        client, sid = await served.open_polling()
        client.write(post_head(sid, "Content-Length: 9") + b"4")
        assert (await client.answer()).status == 400
        assert await served.handler.reasons.get() == "transport close"


async def test_a_body_that_makes_no_sense() -> None:
    async with serve(app=application([]), keepalive_timeout=0.1) as served:
        client, sid = await served.open_polling()
        client.write(post_head(sid, "Transfer-Encoding: chunked"))
        session: Any = served.handler.session
        await until(lambda: session.carrier.posting)
        client.write(b"not a size\r\n")
        assert (await client.answer()).status == 400
        assert await served.handler.reasons.get() == "transport close"


async def test_a_compressed_body_counts_as_what_it_inflates_to() -> None:
    async with serve(Recorder(), app=application([]), max_http_buffer_size=1000) as served:
        client, sid = await served.open_polling()
        body = gzip.compress(b"4" + b"x" * 10_000)
        assert len(body) < 1000
        client.write(post_head(sid, f"Content-Encoding: gzip\r\nContent-Length: {len(body)}") + body)
        assert (await client.answer()).status == 413
