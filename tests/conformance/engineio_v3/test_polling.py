from __future__ import annotations

import asyncio

import pytest

from rtserver.clock import Clock
from tests.conformance.engineio_v3.helpers import (
    POLLING,
    Serve,
    error,
    live,
    open_polling,
    open_websocket,
    opened,
    until_polling_is_held,
    url,
)
from tests.support.engine import Recorder

OCTETS = "Content-Type: application/octet-stream\r\n"


async def test_the_handshake(server: Serve) -> None:
    async with server(allow_eio3=True, ping_interval=(20, 5), ping_timeout=10) as served:
        client = await served.connect()
        answer = await client.get(POLLING)
        assert answer.headers["content-type"] == "text/plain; charset=UTF-8"
        assert answer.headers["cache-control"] == "no-store"
        told = opened(answer.body)
        assert told.pop("sid") == served.handler.session.sid
        assert told == {"upgrades": ["websocket"], "pingInterval": 25000, "pingTimeout": 10000}
        assert served.handler.session.protocol == 3


async def test_how_long_a_client_may_be_silent(server: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the interval and the time-out that it was told, and that interval has the grace in it."""
    async with server(allow_eio3=True, ping_interval=(20, 5), ping_timeout=10) as served:
        await open_polling(served)
        session = live(served)
        opened_at = session.host.clock.now()
        monkeypatch.setattr(Clock, "now", lambda self: opened_at + 34.5)
        assert not session.is_overdue()
        monkeypatch.setattr(Clock, "now", lambda self: opened_at + 35)
        assert session.is_overdue()


async def test_a_client_that_vanishes_while_nothing_is_read(server: Serve) -> None:
    async with server(allow_eio3=True, ping_interval=0.6, ping_timeout=0.2) as served:
        client, sid = await open_polling(served)
        live(served).pause_reading()
        assert (await client.get(url(sid))).body == b"1:6"  # a poll that nothing else would end
        assert await served.handler.reasons.get() == "ping timeout"


async def test_a_client_that_names_no_version(server: Serve) -> None:
    async with server(allow_eio3=True) as served:
        client = await served.connect()
        assert opened((await client.get("/engine.io/?transport=polling")).body)["sid"]
        assert served.handler.session.protocol == 3


async def test_new_clients_beside_old_ones(server: Serve) -> None:
    async with server(allow_eio3=True) as served:
        await open_polling(served)
        client, sid = await served.open_polling()
        served.handler.session.send("new")
        assert (await client.poll(sid)).body == b"4new"
        assert [session.protocol for session in served.handler.sessions] == [3, 4]


@pytest.mark.parametrize(("query", "named"), [("EIO=3&", "EIO '3'"), ("", "no EIO")])
async def test_off_by_default(server: Serve, query: str, named: str) -> None:
    async with server() as served:
        client = await served.connect()
        answer = await client.get(f"/engine.io/?{query}transport=polling")
        assert answer.status == 400
        assert answer.json() == error(5, f"Unsupported protocol version: received {named}, expected 4")


async def test_another_version(server: Serve) -> None:
    async with server(allow_eio3=True) as served:
        client = await served.connect()
        answer = await client.get("/engine.io/?EIO=2&transport=polling")
        assert answer.json() == error(5, "received EIO '2', expected 3 or 4")


async def test_text_both_ways(server: Serve) -> None:
    async with server(Recorder(echo=True), allow_eio3=True) as served:
        client, sid = await open_polling(served)
        # 😀 is one character and, in JavaScript, two units; é is two bytes and one unit
        answer = await client.post(url(sid), "6:4hello4:4é😀8:4😀, 😀!1:4".encode())
        assert (answer.status, answer.body) == (200, b"ok")
        assert [served.handler.messages.get_nowait() for _ in range(4)] == ["hello", "é😀", "😀, 😀!", ""]
        polled = await client.get(url(sid))
        assert polled.headers["content-type"] == "text/plain; charset=UTF-8"
        assert polled.body == "6:4hello4:4é😀8:4😀, 😀!1:4".encode()


async def test_binary_messages_in_the_binary_form(server: Serve) -> None:
    async with server(Recorder(echo=True), allow_eio3=True) as served:
        client, sid = await open_polling(served)
        body = b"\x00\x05\xff4\xc3\xa9ab" + b"\x01\x04\xff\x04\x00\xff\x1e" + b"\x00\x01\xff6"
        assert (await client.post(url(sid), body, OCTETS)).body == b"ok"
        assert [served.handler.messages.get_nowait() for _ in range(2)] == ["éab", b"\x00\xff\x1e"]
        polled = await client.get(url(sid))
        assert polled.headers["content-type"] == "application/octet-stream"
        assert polled.body == b"\x00\x05\xff4\xc3\xa9ab" + b"\x01\x04\xff\x04\x00\xff\x1e"


async def test_a_length_of_several_digits_in_the_binary_form(server: Serve) -> None:
    async with server(Recorder(echo=True), allow_eio3=True, http_compression=False) as served:
        client, sid = await open_polling(served)
        body = b"\x01\x01\x02\x03\x04\xff\x04" + b"x" * 1233
        assert (await client.post(url(sid), body, OCTETS)).body == b"ok"
        assert (await client.get(url(sid))).body == body


async def test_binary_messages_as_base64(server: Serve) -> None:
    async with server(Recorder(echo=True), allow_eio3=True) as served:
        client, sid = await open_polling(served, "&b64=1")
        assert (await client.post(url(sid), b"10:b4AQIDBA==2:4x")).body == b"ok"
        assert [served.handler.messages.get_nowait() for _ in range(2)] == [b"\x01\x02\x03\x04", "x"]
        polled = await client.get(url(sid))
        assert polled.headers["content-type"] == "text/plain; charset=UTF-8"
        assert polled.body == b"10:b4AQIDBA==2:4x"


async def test_a_ping_is_answered(server: Serve) -> None:
    async with server(allow_eio3=True) as served:
        client, sid = await open_polling(served)
        poll = asyncio.ensure_future(client.get(url(sid)))
        await until_polling_is_held(served)
        other = await served.connect()
        assert (await other.post(url(sid), b"1:2")).body == b"ok"
        assert (await poll).body == b"1:3"


async def test_a_client_that_sends_no_ping(server: Serve) -> None:
    async with server(allow_eio3=True, ping_interval=0.1, ping_timeout=0.1) as served:
        client, sid = await open_polling(served)
        poll = await client.get(url(sid))
        assert poll.body == b"1:1"
        assert served.handler.reasons.get_nowait() == "ping timeout"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"4hello",
        b"2:4",
        b"x:4",
        b":4",
        b"1:7",
        b"0:",
        b"1:3",
        "1:😀".encode(),
        "2:4😀".encode(),
        b"3:b4!",
        b"4:b2AA",
        b"99999999999:4",
        b"\xff",
    ],
)
async def test_a_payload_that_is_wrong(server: Serve, body: bytes) -> None:
    async with server(allow_eio3=True) as served:
        client, sid = await open_polling(served)
        answer = await client.post(url(sid), body)
        assert answer.status == 400
        assert answer.json() == error(3, "the payload has a packet that isn't valid here")
        assert served.handler.reasons.get_nowait() == "parse error"
        assert served.engine.counters.bad_packets == 1
        assert (await client.get(url(sid))).json() == error(1, "Session ID unknown")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"2:4a",
        b"\x00\xff4",
        b"\x02\x01\xff4",
        b"\x00\x01\xff\xff",
        b"\x00\x02\xff4",
        b"\x01\x01\xff\x02",
    ],
)
async def test_a_binary_payload_that_is_wrong(server: Serve, body: bytes) -> None:
    async with server(allow_eio3=True) as served:
        client, sid = await open_polling(served)
        assert (await client.post(url(sid), body, OCTETS)).status == 400
        assert served.handler.reasons.get_nowait() == "parse error"


async def test_a_body_above_the_limit(server: Serve) -> None:
    async with server(allow_eio3=True, max_http_buffer_size=100) as served:
        client, sid = await open_polling(served)
        assert (await client.post(url(sid), b"96:4" + b"x" * 96)).status == 400  # one too few
        client, sid = await open_polling(served)
        assert (await client.post(url(sid), b"97:4" + b"x" * 96)).body == b"ok"
        assert (await client.post(url(sid), b"98:4" + b"x" * 97)).status == 413


async def test_the_client_leaves(server: Serve) -> None:
    async with server(allow_eio3=True) as served:
        client, sid = await open_polling(served)
        poll = asyncio.ensure_future(client.get(url(sid)))
        await until_polling_is_held(served)
        other = await served.connect()
        assert (await other.post(url(sid), b"1:1")).body == b"ok"
        assert (await poll).body == b"1:6"
        assert served.handler.reasons.get_nowait() == "transport close"


async def test_the_server_closes(server: Serve) -> None:
    async with server(allow_eio3=True) as served:
        client, sid = await open_polling(served)
        served.handler.session.send("last")
        live(served).close()
        assert (await client.get(url(sid))).body == b"5:4last"
        assert (await client.get(url(sid))).body == b"1:1"


async def test_the_upgrade(server: Serve) -> None:
    async with server(Recorder(echo=True), allow_eio3=True) as served:
        client, sid = await open_polling(served)
        poll = asyncio.ensure_future(client.get(url(sid)))
        await until_polling_is_held(served)
        websocket = await open_websocket(served, f"&sid={sid}")
        websocket.send("2probe")
        assert await websocket.packet() == "3probe"
        assert (await poll).body == b"1:6"
        served.handler.session.send(b"meanwhile")
        websocket.send("5", "4hello", b"\x04bytes")
        assert await websocket.frame() == (2, b"\x04meanwhile")
        assert await websocket.packet() == "4hello"
        assert await websocket.frame() == (2, b"\x04bytes")
        assert served.handler.session.transport_name == "websocket"
        assert served.engine.counters.upgrades == 1


async def test_across_origins(server: Serve) -> None:
    async with server(allow_eio3=True, cors_allowed_origins=["http://page.example"]) as served:
        client = await served.connect()
        headers = "Origin: http://page.example\r\n"
        answer = await client.get(POLLING, headers)
        assert answer.headers["access-control-allow-origin"] == "http://page.example"
        assert answer.headers["access-control-allow-credentials"] == "true"
        client.request("OPTIONS", POLLING, f"{headers}Access-Control-Request-Headers: content-type\r\n")
        assert (await client.answer()).headers["access-control-allow-headers"] == "content-type"
        assert (await client.get(POLLING, "Origin: http://evil.example\r\n")).status == 403
