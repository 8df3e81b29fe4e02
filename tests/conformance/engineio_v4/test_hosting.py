"""Other routes, other paths, sub-applications and hooks beside it."""

from __future__ import annotations

import json

import pytest
from aiohttp import ClientSession, web
from yarl import URL

from rtserver.transport.engine_server import EngineServer
from tests.conformance.engineio_v4.helpers import (
    POLLING,
    WEBSOCKET,
    Serve,
)
from tests.support.engine import Recorder, listening, serve


async def test_beside_other_routes(server: Serve) -> None:
    async def hello(request: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/hello", hello)
    async with serve(app=app, lane=True) as served:
        client = await served.connect()
        assert (await client.get("/hello")).body == b"hello"
        assert (await client.get(POLLING)).body[:1] == b"0"
        assert (await client.get("/hello")).body == b"hello"
        assert (await client.get(POLLING)).body[:1] == b"0"
        assert (await client.get("/nothing")).status == 404


@pytest.mark.parametrize("path", ["/", "chat", "/deep/er/path/"])
async def test_custom_paths(server: Serve, path: str) -> None:
    async with server(path=path) as served:
        client = await served.connect()
        full = f"/{path.strip('/')}/" if path != "/" else "/"
        assert (await client.get(f"{full}?EIO=4&transport=polling")).body[:1] == b"0"


@pytest.mark.parametrize("lane", [False, True])
async def test_in_a_sub_application(lane: bool) -> None:
    handler = Recorder(echo=True)
    engine = EngineServer(handler)
    inner, outer = web.Application(), web.Application()
    engine.attach(inner, "/engine.io/")
    outer.add_subapp("/sub", inner)
    async with listening(outer, engine if lane else None) as (_, port), ClientSession() as http:
        url = URL(f"http://127.0.0.1:{port}/sub/engine.io/?EIO=4&transport=polling")
        async with http.get(url) as response:
            sid = json.loads((await response.text())[1:])["sid"]
        async with http.post(url.update_query(sid=sid), data=b"4x") as response:
            assert await response.text() == "ok"
        async with http.get(url.update_query(sid=sid)) as response:
            assert await response.text() == "4x"


async def test_response_hooks_see_a_websocket() -> None:
    async def hook(request: web.Request, response: web.StreamResponse) -> None:
        response.headers["X-Hooked"] = "yes"

    app = web.Application()
    app.on_response_prepare.append(hook)
    async with serve(app=app) as served:
        client = await served.connect()
        answer = await client.upgrade(WEBSOCKET)
        assert answer.headers["x-hooked"] == "yes"
        assert (await client.packet())[0] == "0"
