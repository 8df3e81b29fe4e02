"""The handshake, and requests that are refused."""

from __future__ import annotations

import json

import pytest

from rtserver.engineio.handler import Session
from rtserver.errors import EngineRequestError
from tests.conformance.engineio_v4.helpers import (
    POLLING,
    WEBSOCKET,
    Serve,
    error,
    opening,
)
from tests.support.engine import Recorder, upgrade_request


async def test_polling(server: Serve) -> None:
    async with server(ping_interval=25, ping_timeout=20) as served:
        client = await served.connect()
        answer = await client.get(POLLING)
        assert answer.status == 200
        assert answer.headers["content-type"] == "text/plain; charset=UTF-8"
        assert answer.headers["cache-control"] == "no-store"
        assert "set-cookie" not in answer.headers
        assert answer.body[:1] == b"0"
        assert json.loads(answer.body[1:]) == {
            "sid": served.handler.session.sid,
            "upgrades": ["websocket"],
            "pingInterval": 25000,
            "pingTimeout": 20000,
            "maxPayload": 1_000_000,
        }
        assert served.handler.session.transport_name == "polling"
        assert served.handler.session.is_open


async def test_websocket(server: Serve) -> None:
    async with server(ping_interval=(0.3, 0.1), ping_timeout=0.2, max_http_buffer_size=5000) as served:
        client = await served.connect()
        answer = await client.upgrade(WEBSOCKET)
        assert answer.headers["upgrade"] == "websocket"
        opening = await client.packet()
        assert json.loads(opening[1:]) == {
            "sid": served.handler.session.sid,
            "upgrades": [],
            "pingInterval": 400,  # the grace is the client's to wait
            "pingTimeout": 200,
            "maxPayload": 5000,
        }
        assert served.handler.session.transport_name == "websocket"


async def test_no_upgrade_is_offered_where_none_is_allowed(server: Serve) -> None:
    async with server(allow_upgrades=False) as served:
        client = await served.connect()
        answer = await client.get(POLLING)
        assert json.loads(answer.body[1:])["upgrades"] == []


async def test_sids_differ(server: Serve) -> None:
    async with server() as served:
        sids = {(await served.open_polling())[1] for _ in range(5)}
        assert len(sids) == 5
        assert set(map(len, sids)) == {20}


@pytest.mark.parametrize(
    ("target", "code", "text"),
    [
        ("/engine.io/?EIO=4", 0, "received no transport"),
        ("/engine.io/?EIO=4&transport=abc", 0, "received transport 'abc', expected polling or websocket"),
        ("/engine.io/", 0, "received no transport"),
        ("/engine.io/?transport=polling", 5, "received no EIO"),
        ("/engine.io/?EIO=abc&transport=polling", 5, "'abc', expected 4"),
        ("/engine.io/?EIO=3&transport=polling", 5, "'3', expected 4"),
        ("/engine.io/?EIO=4&transport=polling&sid=nobody", 1, "received 'nobody'"),
        ("/engine.io/?EIO=4&transport=websocket", 3, "Upgrade"),
    ],
)
async def test_bad_requests(server: Serve, target: str, code: int, text: str) -> None:
    async with server() as served:
        client = await served.connect()
        for _ in range(2):
            answer = await client.get(target)
            assert answer.status == 400
            assert answer.headers["content-type"].startswith("application/json")
            assert answer.json() == error(code, text)
        assert served.handler.sessions == []
        assert served.engine.counters.requests_refused == 2


@pytest.mark.parametrize("method", ["POST", "PUT", "HEAD", "DELETE"])
async def test_only_get_opens_a_session(server: Serve, method: str) -> None:
    async with server() as served:
        client = await served.connect()
        client.request(method, POLLING, body=b"")
        answer = await client.answer(method)
        assert answer.status == 400
        if method != "HEAD":
            assert answer.json() == error(2, method)


async def test_transports_can_be_limited(server: Serve) -> None:
    async with server(transports="websocket") as served:
        client = await served.connect()
        assert (await client.get(POLLING)).json() == error(0, "expected websocket")
        await served.open_websocket()


async def test_a_refused_websocket_handshake(server: Serve) -> None:
    async with server() as served:
        client = await served.connect()
        head = (
            f"GET {WEBSOCKET} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 8\r\n\r\n"
        )
        client.write(head.encode())
        answer = await client.answer()
        assert answer.status == 426
        assert answer.headers["sec-websocket-version"] == "13"
        assert answer.json() == error(3, "Sec-WebSocket-Version is '8', expected 13")


@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_the_handler_refuses(server: Serve, transport: str) -> None:
    def refuse(session: Session) -> None:
        session.send("never seen")
        raise EngineRequestError(4, "Forbidden: not you", 403)

    handler = Recorder()
    handler.on_connect = refuse
    async with server(handler) as served:
        client = await served.connect()
        if transport == "polling":
            answer = await client.get(POLLING)
        else:
            client.write(upgrade_request(WEBSOCKET))
            answer = await client.answer()
        assert answer.status == 403
        assert answer.json() == error(4, "not you")
        assert len(served.engine.sessions) == 0
        assert served.engine.counters.sessions_refused == 1
    assert handler.reasons.empty()


@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_the_handler_closes_in_connect(server: Serve, transport: str) -> None:
    handler = Recorder()
    handler.on_connect = lambda session: session.close()
    async with server(handler) as served:
        client = await served.connect()
        client.write(opening(transport))
        answer = await client.answer()
        assert (answer.status, answer.json()) == (403, error(4, "Forbidden"))
    assert handler.reasons.empty()


@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_the_handler_fails(server: Serve, transport: str) -> None:
    def fail(session: Session) -> None:
        raise ValueError("internal secret")

    handler = Recorder()
    handler.on_connect = fail
    async with server(handler) as served:
        client = await served.connect()
        client.write(opening(transport))
        answer = await client.answer()
        assert answer.status == 500
        assert b"secret" not in answer.body
        assert len(served.engine.sessions) == 0
        assert served.engine.counters.handler_errors == 1


async def test_what_the_handler_sends_follows_the_open_packet(server: Serve) -> None:
    handler = Recorder()
    handler.on_connect = lambda session: session.send("first")
    async with server(handler) as served:
        client = await served.connect()
        answer = await client.get(POLLING)
        opening, first = answer.body.split(b"\x1e")
        assert (opening[:1], first) == (b"0", b"4first")
        websocket = await served.open_websocket()
        assert await websocket.packet() == "4first"


async def test_the_handshake_is_known(server: Serve) -> None:
    async with server() as served:
        client = await served.connect()
        await client.get(f"{POLLING}&token=a%20b", "X-Custom: one\r\nUser-Agent: tests\r\n")
        handshake = served.handler.session.handshake
        port = client.writer.get_extra_info("sockname")[1]
        assert handshake.method == "GET"
        assert handshake.path == "/engine.io/"
        assert handshake.query["token"] == ["a b"]
        assert handshake.header("x-custom") == "one"
        assert handshake.remote == ("127.0.0.1", port)
        assert handshake.local == ("127.0.0.1", served.port)
        assert not handshake.secure
        environ = handshake.environ()
        assert environ["HTTP_USER_AGENT"] == "tests"
        assert (environ["REMOTE_ADDR"], environ["REMOTE_PORT"]) == ("127.0.0.1", str(port))
