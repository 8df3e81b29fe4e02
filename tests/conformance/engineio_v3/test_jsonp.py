from __future__ import annotations

import json
from urllib.parse import quote_plus

import pytest

from tests.conformance.engineio_v3.helpers import POLLING, Serve, error, opened
from tests.support.engine import Answer, RawClient, Recorder, Served

FORM = "Content-Type: application/x-www-form-urlencoded\r\n"
JSONP = f"{POLLING}&j=7&b64=1"


def script(answer: Answer, index: int = 7) -> str:
    """Return what a script hands to the client's function."""
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "text/javascript; charset=UTF-8"
    body = answer.body.decode()
    head = f"___eio[{index}]("
    assert body.startswith(head)
    assert body.endswith(");")
    payload: str = json.loads(body[len(head) : -2])
    return payload


def form(payload: str) -> bytes:
    """Encode a payload as the client's form does."""
    escaped = payload.replace("\\n", "\\\n").replace("\n", "\\n")
    return b"d=" + quote_plus(escaped).encode()


async def open_jsonp(served: Served) -> tuple[RawClient, str]:
    client = await served.connect()
    sid = opened(script(await client.get(JSONP)).encode())["sid"]
    return client, f"{JSONP}&sid={sid}"


async def test_packets_both_ways(server: Serve) -> None:
    async with server(Recorder(echo=True), allow_eio3=True, cors_allowed_origins="*") as served:
        client, url = await open_jsonp(served)
        answer = await client.post(url, form("6:4hello4:4é😀10:b4AQIDBA=="), FORM)
        assert (answer.body, answer.headers["content-type"]) == (b"ok", "text/html")
        received = [served.handler.messages.get_nowait() for _ in range(3)]
        assert received == ["hello", "é😀", b"\x01\x02\x03\x04"]
        assert script(await client.get(url)) == "6:4hello4:4é😀10:b4AQIDBA=="


@pytest.mark.parametrize("message", ["a\nb", "a\\nb", "\\\\n", '{"text":"line\\nline"}', "\\", "\n"])
async def test_line_feeds(server: Serve, message: str) -> None:
    async with server(allow_eio3=True, cors_allowed_origins="*") as served:
        client, url = await open_jsonp(served)
        assert (await client.post(url, form(f"{len(message) + 1}:4{message}"), FORM)).body == b"ok"
        assert served.handler.messages.get_nowait() == message


async def test_what_javascript_takes_for_the_end_of_a_line(server: Serve) -> None:
    async with server(allow_eio3=True, cors_allowed_origins="*") as served:
        client, url = await open_jsonp(served)
        served.handler.session.send('\u2028"\u2029</script>')
        answer = await client.get(url)
        assert answer.body == rb'___eio[7]("13:4\u2028\"\u2029</script>");'


async def test_bytes_are_always_base64(server: Serve) -> None:
    async with server(allow_eio3=True, cors_allowed_origins="*") as served:
        client = await served.connect()
        target = f"{POLLING}&j=0"
        sid = opened(script(await client.get(target), 0).encode())["sid"]
        served.handler.session.send(b"\xff")
        assert script(await client.get(f"{target}&sid={sid}"), 0) == "6:b4/w=="


@pytest.mark.parametrize("index", ["", "x", "1);alert(1", "٣", "1" * 11])
async def test_an_index_that_is_no_number(server: Serve, index: str) -> None:
    async with server(allow_eio3=True, cors_allowed_origins="*") as served:
        client = await served.connect()
        answer = await client.get(f"{POLLING}&j={quote_plus(index)}")
        assert answer.json() == error(3, "the parameter j, which asks for JSONP, must be a number")
        assert len(served.engine.sessions) == 0


@pytest.mark.parametrize(
    "body", [b"", b"2:4x", b"e=2:4x", b"d=", b"d=%ff", b"d=4x", b"\xff", b"&".join([b"d=2:4x"] * 11)]
)
async def test_a_form_that_is_wrong(server: Serve, body: bytes) -> None:
    async with server(allow_eio3=True, cors_allowed_origins="*") as served:
        client, url = await open_jsonp(served)
        assert (await client.post(url, body, FORM)).status == 400
        assert served.handler.reasons.get_nowait() == "parse error"


async def test_not_in_version_4(server: Serve) -> None:
    async with server(allow_eio3=True, cors_allowed_origins="*") as served:
        client = await served.connect()
        answer = await client.get("/engine.io/?EIO=4&transport=polling&j=1")
        assert answer.body[:1] == b"0"


class TestThePage:
    """Any page may load a script, with the visitor's cookies: it must be one that may use the server."""

    @pytest.mark.parametrize("referer", ["http://127.0.0.1/", "http://127.0.0.1/path?x=1"])
    async def test_of_the_same_origin(self, server: Serve, referer: str) -> None:
        async with server(allow_eio3=True) as served:
            client = await served.connect()
            assert opened(script(await client.get(JSONP, f"Referer: {referer}\r\n")).encode())["sid"]

    async def test_of_an_allowed_origin(self, server: Serve) -> None:
        async with server(allow_eio3=True, cors_allowed_origins=["https://app.example"]) as served:
            client = await served.connect()
            assert script(await client.get(JSONP, "Referer: https://app.example/chat\r\n"))

    @pytest.mark.parametrize("referer", ["Referer: http://evil.example/127.0.0.1\r\n", "Referer: x\r\n", ""])
    async def test_of_another_origin(self, server: Serve, referer: str) -> None:
        async with server(allow_eio3=True) as served:
            client = await served.connect()
            answer = await client.get(JSONP, referer)
            assert (answer.status, answer.json()["code"]) == (403, 4)
            assert len(served.engine.sessions) == 0

    async def test_that_names_its_origin(self, server: Serve) -> None:
        async with server(allow_eio3=True) as served:
            client = await served.connect()
            assert script(await client.get(JSONP, "Origin: http://127.0.0.1\r\n"))
            assert (await client.get(JSONP, "Origin: http://evil.example\r\n")).status == 403

    async def test_of_any_origin_where_checks_are_off(self, server: Serve) -> None:
        async with server(allow_eio3=True, cors_allowed_origins=[]) as served:
            client = await served.connect()
            assert script(await client.get(JSONP))
