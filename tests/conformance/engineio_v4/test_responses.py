"""CORS, cookies and compression of polling responses."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import pytest

from rtserver.engineio.outgoing import Uncompressed
from tests.conformance.engineio_v4.helpers import (
    POLLING,
    WEBSOCKET,
    Serve,
    error,
)
from tests.support.engine import upgrade_request


async def test_gzip(server: Serve) -> None:
    async with server() as served:
        client, sid = await served.open_polling()
        served.handler.session.send("x" * 2000)
        answer = await client.get(f"{POLLING}&sid={sid}", "Accept-Encoding: br, gzip;q=0.8, deflate\r\n")
        assert answer.headers["content-encoding"] == "gzip"
        assert gzip.decompress(answer.body) == b"4" + b"x" * 2000


async def test_what_is_sent_uncompressed(server: Serve) -> None:
    """A payload is compressed if any packet in it may be, as by Node's server."""
    async with server() as served:
        client, sid = await served.open_polling()
        gzip_header = "Accept-Encoding: gzip\r\n"
        session = served.handler.session
        for _ in range(2):
            session.send_outgoing(Uncompressed(b"4" + b"x" * 2000))
        answer = await client.get(f"{POLLING}&sid={sid}", gzip_header)
        assert "content-encoding" not in answer.headers
        assert len(answer.body) == 4003
        session.send_outgoing(Uncompressed(b"4" + b"x" * 2000))
        session.send("y")
        answer = await client.get(f"{POLLING}&sid={sid}", gzip_header)
        assert answer.headers["content-encoding"] == "gzip"


async def test_deflate(server: Serve) -> None:
    async with server() as served:
        client, sid = await served.open_polling()
        served.handler.session.send("x" * 2000)
        answer = await client.get(f"{POLLING}&sid={sid}", "Accept-Encoding: gzip;q=0, deflate\r\n")
        assert answer.headers["content-encoding"] == "deflate"
        assert zlib.decompress(answer.body) == b"4" + b"x" * 2000


@pytest.mark.parametrize(
    ("size", "accepts", "options"),
    [
        (1022, "gzip", {}),
        (2000, "br", {}),
        (2000, "", {}),
        (2000, "gzip", {"http_compression": False}),
        (2000, "gzip", {"compression_threshold": 3000}),
    ],
)
async def test_no_compression(server: Serve, size: int, accepts: str, options: dict[str, Any]) -> None:
    async with server(**options) as served:
        client, sid = await served.open_polling()
        served.handler.session.send("x" * size)
        answer = await client.get(f"{POLLING}&sid={sid}", f"Accept-Encoding: {accepts}\r\n")
        assert "content-encoding" not in answer.headers
        assert answer.body == b"4" + b"x" * size


async def test_a_cookie_by_name(server: Serve) -> None:
    async with server(cookie="io") as served:
        client = await served.connect()
        answer = await client.get(POLLING)
        sid = served.handler.session.sid
        assert answer.headers["set-cookie"] == f"io={sid}; path=/; SameSite=Lax"
        served.handler.session.send("x")
        assert "set-cookie" not in (await client.poll(sid)).headers


async def test_a_cookie_with_attributes(server: Serve) -> None:
    cookie = {"name": "c", "HttpOnly": True, "Secure": False, "path": lambda: "/chat"}
    async with server(cookie=cookie) as served:
        client = await served.connect()
        answer = await client.get(POLLING)
        assert answer.headers["set-cookie"] == f"c={served.handler.session.sid}; HttpOnly; path=/chat"


async def test_the_same_origin(server: Serve) -> None:
    async with server() as served:
        client = await served.connect()
        answer = await client.get(POLLING, "Origin: http://127.0.0.1\r\n")
        assert answer.status == 200
        assert answer.headers["access-control-allow-origin"] == "http://127.0.0.1"
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert answer.headers["vary"] == "Origin"


async def test_another_origin(server: Serve) -> None:
    async with server() as served:
        client = await served.connect()
        answer = await client.get(POLLING, "Origin: http://evil.example\r\n")
        assert answer.status == 403
        assert answer.json() == error(4, "'http://evil.example' is not allowed")
        assert "http://127.0.0.1" in answer.json()["message"]
        assert "access-control-allow-origin" not in answer.headers
        assert served.handler.sessions == []


async def test_another_origin_for_a_websocket(server: Serve) -> None:
    async with server() as served:
        client = await served.connect()
        client.write(upgrade_request(WEBSOCKET, "Origin: http://evil.example\r\n"))
        assert (await client.answer()).status == 403


async def test_no_origin(server: Serve) -> None:
    async with server(cors_allowed_origins=["https://app.example"]) as served:
        client = await served.connect()
        answer = await client.get(POLLING)
        assert answer.status == 200
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "allowed",
    [
        "*",
        ["*"],
        "https://app.example",
        ["https://other.example", "https://app.example"],
        lambda origin: origin.endswith("app.example"),
        lambda origin, environ: environ["HTTP_ORIGIN"] == origin == "https://app.example",
    ],
)
async def test_allowed_origins(server: Serve, allowed: Any) -> None:
    async with server(cors_allowed_origins=allowed, cors_credentials=False) as served:
        client = await served.connect()
        answer = await client.get(POLLING, "Origin: https://app.example\r\n")
        assert answer.status == 200
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        assert "access-control-allow-credentials" not in answer.headers
        if "*" not in (allowed if not callable(allowed) else ""):
            refused = await client.get(POLLING, "Origin: https://evil.example\r\n")
            assert refused.status == 403


async def test_cors_switched_off(server: Serve) -> None:
    async with server(cors_allowed_origins=[]) as served:
        client = await served.connect()
        answer = await client.get(POLLING, "Origin: https://anyone.example\r\n")
        assert answer.status == 200
        assert "access-control-allow-origin" not in answer.headers


async def test_every_answer_has_the_headers(server: Serve) -> None:
    async with server(cors_allowed_origins="*") as served:
        client, sid = await served.open_polling()
        origin = "Origin: https://app.example\r\n"
        for answer in (
            await client.post(f"{POLLING}&sid={sid}", b"4x", origin),
            await client.get("/engine.io/", origin),
            await client.get(f"{POLLING}&sid=nobody", origin),
        ):
            assert answer.headers["access-control-allow-origin"] == "https://app.example"


async def test_preflight(server: Serve) -> None:
    async with server(cors_allowed_origins=["https://app.example"]) as served:
        client = await served.connect()
        client.request(
            "OPTIONS",
            POLLING,
            "Origin: https://app.example\r\nAccess-Control-Request-Method: POST\r\n"
            "Access-Control-Request-Headers: x-token\r\n",
        )
        answer = await client.answer()
        assert answer.status == 200
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        assert answer.headers["access-control-allow-methods"] == "OPTIONS, GET, POST"
        assert answer.headers["access-control-allow-headers"] == "x-token"
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert (await client.get(POLLING)).status == 200


async def test_behind_a_proxy(server: Serve) -> None:
    """The page's origin is that of the proxy, which tells where it was reached."""
    async with server() as served:
        client = await served.connect()
        origin = "Origin: https://chat.example\r\n"
        forwarded = "X-Forwarded-Proto: https\r\nX-Forwarded-Host: chat.example\r\n"
        assert (await client.get(POLLING, origin + forwarded)).status == 200
        assert (await client.get(POLLING, origin)).status == 403
