"""HTTP long-polling."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from rtserver.engineio.handler import Session
from tests.conformance.engineio_v4.helpers import (
    POLLING,
    Serve,
    error,
    live,
    post_head,
    until_polling_is_held,
)
from tests.support.engine import Recorder, until


async def test_text(server: Serve) -> None:
    async with server(Recorder(echo=True)) as served:
        client, sid = await served.open_polling()
        answer = await client.push(sid, "4hällo".encode())
        assert (answer.status, answer.body) == (200, b"ok")
        answer = await client.poll(sid)
        assert (answer.status, answer.body) == (200, "4hällo".encode())
        assert answer.headers["content-type"] == "text/plain; charset=UTF-8"


async def test_several_packets(server: Serve) -> None:
    async with server(Recorder(echo=True)) as served:
        client, sid = await served.open_polling()
        await client.push(sid, b"4one\x1e4two\x1ebAQIDBA==\x1e4")
        assert (await client.poll(sid)).body == b"4one\x1e4two\x1ebAQIDBA==\x1e4"
        assert [served.handler.messages.get_nowait() for _ in range(4)] == ["one", "two", b"\1\2\3\4", ""]


async def test_a_get_is_held_until_there_is_something(server: Serve) -> None:
    async with server() as served:
        client, sid = await served.open_polling()
        poll = asyncio.ensure_future(client.poll(sid))
        await until_polling_is_held(served)
        served.handler.session.send("a")
        served.handler.session.send(b"\1\2\3\4")
        assert (await poll).body == b"4a\x1ebAQIDBA=="


async def test_requests_on_one_connection_are_answered_in_order(server: Serve) -> None:
    async with server(Recorder(echo=True)) as served:
        client, sid = await served.open_polling()
        target = f"{POLLING}&sid={sid}"
        for number in range(5):
            client.request("POST", target, body=b"4%d" % number)
            client.request("GET", target)
        for number in range(5):
            assert (await client.answer()).body == b"ok"
            assert (await client.answer()).body == b"4%d" % number


async def test_requests_split_anywhere(server: Serve) -> None:
    async with server(Recorder(echo=True)) as served:
        client, sid = await served.open_polling()
        target = f"{POLLING}&sid={sid}"
        data = (
            f"POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n4hello".encode()
            + f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
        )
        for byte in data:
            client.write(bytes((byte,)))
            await asyncio.sleep(0)
        assert (await client.answer()).body == b"ok"
        assert (await client.answer()).body == b"4hello"


async def test_a_second_get_ends_the_session(server: Serve) -> None:
    async with server() as served:
        client, sid = await served.open_polling()
        first = asyncio.ensure_future(client.poll(sid))
        await until_polling_is_held(served)
        other = await served.connect()
        answer = await other.poll(sid)
        assert (answer.status, answer.json()) == (400, error(3, "a second GET"))
        held = await first
        assert (held.status, held.body) == (200, b"1")
        assert (await client.poll(sid)).json() == error(1, "Session ID unknown")
        assert await served.handler.reasons.get() == "transport error"


async def test_a_second_post_ends_the_session(server: Serve) -> None:
    async with server() as served:
        client, sid = await served.open_polling()
        client.write(post_head(sid, 10) + b"4")
        await until(lambda: live(served).carrier.posting)
        other = await served.connect()
        answer = await other.push(sid, b"4x")
        assert (answer.status, answer.json()) == (400, error(3, "a second POST"))
        client.write(b"123456789")
        assert (await client.answer()).status == 400
        assert await served.handler.reasons.get() == "transport error"
        assert served.handler.messages.empty()


@pytest.mark.parametrize("body", [b"abc", b"", b"4a\x1e", b"4\xff", b"b!", b"0", b"2", b"5"])
async def test_a_bad_payload_ends_the_session(server: Serve, body: bytes) -> None:
    async with server() as served:
        client, sid = await served.open_polling()
        answer = await client.push(sid, body)
        assert answer.status == 400
        assert answer.json()["code"] == 3
        assert await served.handler.reasons.get() == "parse error"
        other = await served.connect()
        assert (await other.poll(sid)).json() == error(1, "unknown")
        assert served.engine.counters.bad_packets == 1


async def test_packets_behind_a_close_packet_are_ignored(server: Serve) -> None:
    async with server() as served:
        client, sid = await served.open_polling()
        assert (await client.push(sid, b"4a\x1e1\x1e4b")).body == b"ok"
        assert await served.handler.reasons.get() == "transport close"
        assert served.handler.messages.qsize() == 1


async def test_the_client_closes(server: Serve) -> None:
    async with server() as served:
        client, sid = await served.open_polling()
        poll = asyncio.ensure_future(client.poll(sid))
        await until_polling_is_held(served)
        other = await served.connect()
        assert (await other.push(sid, b"1")).body == b"ok"
        assert (await poll).body == b"6"
        assert (await client.poll(sid)).status == 400
        assert await served.handler.reasons.get() == "transport close"


async def test_the_server_closes_while_a_get_is_held(server: Serve) -> None:
    async with server() as served:
        client, sid = await served.open_polling()
        poll = asyncio.ensure_future(client.poll(sid))
        await until_polling_is_held(served)
        session = served.handler.session
        session.send("last")
        session.close()
        assert not session.is_open
        session.send("never")
        assert (await poll).body == b"4last"
        assert served.handler.reasons.get_nowait() == "forced close"
        assert (await client.poll(sid)).body == b"1"
        assert (await client.poll(sid)).status == 400


async def test_the_server_closes_before_a_get(server: Serve) -> None:
    async with server() as served:
        client, sid = await served.open_polling()
        served.handler.session.send("last")
        served.handler.session.close()
        assert served.handler.reasons.get_nowait() == "forced close"
        assert (await client.poll(sid)).body == b"4last"
        assert (await client.poll(sid)).body == b"1"
        assert (await client.poll(sid)).status == 400
        assert len(served.engine.sessions) == 0


async def test_a_post_while_closing(server: Serve) -> None:
    async with server() as served:
        client, sid = await served.open_polling()
        served.handler.session.close()
        assert (await client.push(sid, b"4late")).json() == error(1, "unknown")


async def test_a_client_that_never_fetches_the_close_packet(server: Serve) -> None:
    async with server(close_timeout=0.05) as served:
        client, sid = await served.open_polling()
        served.handler.session.close()
        await until(lambda: not len(served.engine.sessions))
        assert (await client.poll(sid)).json() == error(1, "unknown")


async def test_the_connection_of_a_held_get_breaks(server: Serve) -> None:
    async with server() as served:
        client, sid = await served.open_polling()
        client.request("GET", f"{POLLING}&sid={sid}")
        await until_polling_is_held(served)
        client.abort()
        assert await served.handler.reasons.get() == "transport close"
        other = await served.connect()
        assert (await other.poll(sid)).json() == error(1, "unknown")


async def test_the_connection_of_a_post_breaks(server: Serve) -> None:
    async with server() as served:
        client, sid = await served.open_polling()
        client.write(f"POST {POLLING}&sid={sid} HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n4".encode())
        await until(lambda: live(served).carrier.posting)
        client.abort()
        assert await served.handler.reasons.get() == "transport close"


async def test_a_declared_body_above_the_limit(server: Serve) -> None:
    async with server(max_http_buffer_size=100) as served:
        client, sid = await served.open_polling()
        client.write(f"POST {POLLING}&sid={sid} HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n".encode())
        answer = await client.answer()
        assert (answer.status, answer.json()) == (413, error(3, "101 bytes, expected at most 100"))
        client.write(b"4" * 101)
        assert await client.at_end()
        assert await served.handler.reasons.get() == "transport error"
        assert served.engine.counters.payloads_refused == 1


async def test_the_largest_body(server: Serve) -> None:
    async with server(max_http_buffer_size=100) as served:
        client, sid = await served.open_polling()
        assert (await client.push(sid, b"4" * 100)).body == b"ok"


async def test_a_chunked_body(server: Serve) -> None:
    async with server(max_http_buffer_size=100) as served:
        client, sid = await served.open_polling()
        head = f"POST {POLLING}&sid={sid} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.write(head.encode() + b"3\r\n4ab\r\n2\r\ncd\r\n0\r\n\r\n")
        assert (await client.answer()).body == b"ok"
        assert await served.handler.messages.get() == "abcd"
        client.write(head.encode() + b"65\r\n" + b"4" * 101)
        answer = await client.answer()
        assert (answer.status, answer.json()) == (413, error(3, "at most 100"))
        client.write(b"\r\n0\r\n\r\n")
        assert await client.at_end()
        assert await served.handler.reasons.get() == "transport error"


async def test_the_handler_fails_in_message(server: Serve) -> None:
    def fail(session: Session, data: str | bytes) -> None:
        raise ValueError("internal secret")

    handler = Recorder()
    handler.on_message = fail
    async with server(handler) as served:
        client, sid = await served.open_polling()
        answer = await client.push(sid, b"4x")
        assert answer.status == 500
        assert b"secret" not in answer.body
        assert await handler.reasons.get() == "server error"


async def test_a_client_that_does_not_poll(server: Serve) -> None:
    async with server(max_buffer_size=1000) as served:
        client, sid = await served.open_polling()
        session = served.handler.session
        session.send("x" * 999)
        assert session.buffered == 1000
        session.send("y")
        assert served.handler.reasons.get_nowait() == "slow client"
        assert not session.is_open
        assert session.buffered == 0
        assert served.engine.counters.slow_clients == 1
        assert (await client.poll(sid)).json() == error(1, "unknown")


async def test_drain_is_told_when_a_large_queue_has_gone(server: Serve) -> None:
    async with server() as served:
        client, sid = await served.open_polling()
        served.handler.session.send("small")
        await client.poll(sid)
        assert served.handler.drained.empty()
        served.handler.session.send("x" * 100_000)
        await client.poll(sid)
        assert served.handler.drained.get_nowait() is served.handler.session


async def test_a_paused_client_has_its_post_answered_later(server: Serve) -> None:
    handler = Recorder()
    handler.on_message = lambda session, data: cast(Any, session).pause_reading()
    async with server(handler) as served:
        client, sid = await served.open_polling()
        push = asyncio.ensure_future(client.push(sid, b"4a"))
        await handler.messages.get()
        other = await served.connect()
        await other.get("/engine.io/")  # a round trip later
        assert not push.done()
        live(served).resume_reading()
        assert (await push).body == b"ok"


@pytest.mark.parametrize("method", ["PUT", "HEAD", "DELETE"])
async def test_other_methods(server: Serve, method: str) -> None:
    async with server() as served:
        client, sid = await served.open_polling()
        served.handler.session.send("kept")
        client.request(method, f"{POLLING}&sid={sid}")
        answer = await client.answer(method)
        assert answer.status == 405
        assert answer.headers["allow"] == "GET, POST, OPTIONS"
        other = await served.connect()
        assert (await other.poll(sid)).body == b"4kept"


async def test_http_1_0(server: Serve) -> None:
    async with server() as served:
        client = await served.connect()
        client.write(f"GET {POLLING} HTTP/1.0\r\n\r\n".encode())
        assert (await client.answer()).body[:1] == b"0"
        assert await client.at_end()


async def test_connection_close(server: Serve) -> None:
    async with server() as served:
        client = await served.connect()
        answer = await client.get(POLLING, "Connection: close\r\n")
        assert answer.body[:1] == b"0"
        assert await client.at_end()


async def test_a_large_queue_takes_several_responses(server: Serve) -> None:
    async with server(http_compression=False) as served:
        client, sid = await served.open_polling()
        session = served.handler.session
        messages = [f"{number}" + "x" * 300_000 for number in range(5)]
        for message in messages:
            session.send(message)
        session.close()
        packets: list[bytes] = []
        while b"1" not in packets:
            body = (await client.poll(sid)).body
            assert len(body) <= 1_300_100
            packets += body.split(b"\x1e")
        assert packets == [b"4" + message.encode() for message in messages] + [b"1"]


async def test_much_is_sent_in_one_turn_while_a_get_is_held(server: Serve) -> None:
    async with server(max_buffer_size=500_000, http_compression=False) as served:
        client, sid = await served.open_polling()
        poll = asyncio.ensure_future(client.poll(sid))
        await until_polling_is_held(served)
        session = served.handler.session
        sent = 0
        while session.is_open and sent < 10_000_000:
            session.send("x" * 999)
            sent += 1000
        assert sent < 1_000_000
        assert served.handler.reasons.get_nowait() == "slow client"
        assert len((await poll).body) > 64 * 1024
