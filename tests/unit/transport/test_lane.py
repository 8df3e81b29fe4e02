from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web, web_protocol
from aiohttp.abc import AbstractAccessLogger

from rtserver.transport.engine_server import EngineServer
from rtserver.transport.head import MAX_HEAD
from rtserver.transport.lane import MAX_PIPELINED, REQUESTS_PER_TURN, Lane
from tests.support.engine import RawClient, Recorder, Served, listening, serve, until

POLLING = "/engine.io/?EIO=4&transport=polling"


def application() -> web.Application:
    """Make an application with routes beside ours, which tell what they got."""
    app = web.Application()

    async def tell(request: web.Request) -> web.Response:
        body = await request.text()
        return web.Response(text=f"{request.method} {request.path_qs} {body}".strip())

    app.router.add_route("*", "/tell", tell)
    app.router.add_route("*", "/engine.io/below", tell)
    return app


def protocols(served: Served) -> int:
    """Count the connections that aiohttp serves."""
    server = served.runner.server
    assert server is not None
    return sum(isinstance(each, web_protocol.RequestHandler) for each in server.connections)


async def test_our_requests_never_reach_aiohttp() -> None:
    async with serve(Recorder(echo=True), lane=True, app=application()) as served:
        client, sid = await served.open_polling()
        await client.push(sid, b"4x")
        assert (await client.poll(sid)).body == b"4x"
        assert protocols(served) == 0


async def test_others_do() -> None:
    async with serve(lane=True, app=application()) as served:
        client = await served.connect()
        assert (await client.get("/tell?a=b")).body == b"GET /tell?a=b"
        assert protocols(served) == 1
        assert (await client.get("/engine.io/below")).body == b"GET /engine.io/below"
        assert (await client.get("/engine.io?EIO=4")).status == 404
        assert (await client.post("/tell", b"body")).body == b"POST /tell body"


async def test_a_connection_goes_over_and_back() -> None:
    """aiohttp serves what isn't ours; our next request brings the connection back into the lane."""
    async with serve(lane=True, app=application()) as served:
        client = await served.connect()
        for _ in range(3):
            assert (await client.get(POLLING)).body[:1] == b"0"
            assert protocols(served) == 0
            assert (await client.get("/tell")).body == b"GET /tell"
            assert protocols(served) == 1


async def test_all_bytes_are_handed_over() -> None:
    """Whatever the first bytes are split into, aiohttp gets them all, once."""
    request = b"POST /tell HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"
    async with serve(lane=True, app=application()) as served:
        for size in range(1, len(request)):
            client = await served.connect()
            client.write(request[:size])
            await client.writer.drain()
            await until(lambda: protocols(served) or len(served.engine._lanes))
            client.write(request[size:])
            assert (await client.answer()).body == b"POST /tell body"
            client.close()


async def test_pipelined_requests_of_both_kinds() -> None:
    async with serve(Recorder(echo=True), lane=True, app=application()) as served:
        client, sid = await served.open_polling()
        target = f"{POLLING}&sid={sid}"
        client.request("POST", target, body=b"4x")
        client.request("GET", "/tell")
        client.request("GET", target)
        client.request("GET", "/tell")
        answers = [(await client.answer()).body for _ in range(4)]
        assert answers == [b"ok", b"GET /tell", b"4x", b"GET /tell"]


async def test_a_head_in_doubt_is_aiohttps() -> None:
    """Two lengths: what is smuggled behind the first is never taken for a request of ours."""
    async with serve(lane=True, app=application()) as served:
        client = await served.connect()
        inner = f"GET {POLLING} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
        head = (
            f"POST {POLLING} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: {len(inner)}\r\n\r\n"
        )
        client.write(head.encode() + inner)
        assert (await client.answer()).status == 400
        assert await client.at_end()
        assert served.handler.sessions == []


async def test_a_head_that_never_ends() -> None:
    async with serve(lane=True) as served:
        client = await served.connect()
        client.write(f"GET {POLLING}".encode() + b"x" * (2 * MAX_HEAD))
        assert (await client.answer()).status == 400


async def test_another_host_is_routed_by_aiohttp() -> None:
    """A proxy may send requests for several hosts over one connection."""
    first, second = Recorder(), Recorder()
    app = web.Application()
    for host, handler in (("one.example", first), ("two.example", second)):
        inner = web.Application()
        EngineServer(handler).attach(inner)
        app.add_domain(host, inner)
    async with listening(app) as (_, port):
        client = RawClient(*await asyncio.open_connection("127.0.0.1", port))
        for host in ("one", "one", "two", "two", "one"):
            client.write(f"GET {POLLING} HTTP/1.1\r\nHost: {host}.example\r\n\r\n".encode())
            assert (await client.answer()).status == 200
        assert (len(first.sessions), len(second.sessions)) == (3, 2)


async def test_a_handler_of_the_application_is_never_skipped() -> None:
    calls = []

    async def guarded(request: web.Request) -> web.StreamResponse:
        calls.append(request.path)
        return await engine.handle_request(request)

    app = web.Application()
    engine = EngineServer(Recorder())
    app.router.add_get("/guarded/", guarded)
    async with listening(app) as (_, port):
        client = RawClient(*await asyncio.open_connection("127.0.0.1", port))
        for _ in range(3):
            assert (await client.get("/guarded/?EIO=4&transport=polling")).status == 200
        assert calls == ["/guarded/"] * 3
        await engine.close()


async def test_an_access_log_is_never_skipped() -> None:
    app = web.Application()
    EngineServer(Recorder()).attach(app)
    lines: list[str] = []

    class AccessLog(AbstractAccessLogger):
        def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
            lines.append(request.path)

    runner = web.AppRunner(app, access_log_class=AccessLog)
    await runner.setup()
    assert runner.server is not None
    server = await asyncio.get_running_loop().create_server(runner.server, "127.0.0.1", 0)
    client = RawClient(*await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1]))
    for _ in range(3):
        await client.get(POLLING)
    assert lines == ["/engine.io/"] * 3
    await client.end()
    server.close()
    await runner.cleanup()


@pytest.fixture(params=[False, True], ids=["taken", "first byte"])
def lane(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


class TestTimeouts:
    async def test_an_idle_connection(self, lane: bool) -> None:
        async with serve(lane=lane, keepalive_timeout=0.1) as served:
            client, _ = await served.open_polling()
            assert await client.at_end()
            assert len(served.engine._lanes) == 0

    async def test_a_held_poll_is_not_idle(self, lane: bool) -> None:
        async with serve(lane=lane, keepalive_timeout=0.1, ping_interval=0.4) as served:
            client, sid = await served.open_polling()
            assert (await client.poll(sid)).body == b"2"

    @pytest.mark.parametrize("sent", [b"", b"GET", b"GET /engine.io/?EIO=4 HTTP/1.1\r\nX: "])
    async def test_a_head_that_is_not_sent(self, sent: bytes) -> None:
        async with serve(lane=True, keepalive_timeout=0.1) as served:
            client = await served.connect()
            client.write(sent)
            assert await client.at_end()

    async def test_a_body_that_is_not_sent(self, lane: bool) -> None:
        async with serve(lane=lane, keepalive_timeout=0.1) as served:
            client, sid = await served.open_polling()
            client.write(
                f"POST {POLLING}&sid={sid} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n4".encode()
            )
            assert await client.at_end()
            assert await served.handler.reasons.get() == "transport close"

    async def test_a_client_that_does_not_read(self, lane: bool) -> None:
        async with serve(lane=lane, keepalive_timeout=0.2, http_compression=False) as served:
            client, sid = await served.open_polling()
            client.stop_reading()
            served.handler.session.send("x" * 10_000_000)
            client.request("GET", f"{POLLING}&sid={sid}")
            await until(lambda: not served.handler.session.buffered)
            await until(lambda: not served.engine._lanes)


async def test_no_request_is_taken_while_the_client_does_not_read(lane: bool) -> None:
    async with serve(Recorder(), lane=lane, http_compression=False) as served:
        client, sid = await served.open_polling()
        client.stop_reading()
        target = f"{POLLING}&sid={sid}"
        served.handler.session.send("x" * 10_000_000)
        client.request("GET", target)
        client.request("POST", target, body=b"4behind")
        await until(lambda: not served.handler.session.buffered)
        await served.open_polling()
        assert served.handler.messages.empty()
        client.go_on_reading()
        assert len((await client.answer()).body) == 10_000_001
        assert (await client.answer()).body == b"ok"


async def test_much_behind_a_held_poll_is_not_read(lane: bool) -> None:
    """Reading pauses, and goes on when the poll has been answered."""
    async with serve(lane=lane) as served:
        client, sid = await served.open_polling()
        target = f"{POLLING}&sid={sid}"
        client.request("GET", target)
        body = b"4" + b"x" * 1000
        for _ in range(3_000):
            client.request("POST", target, body=body)
        session: Any = served.handler.session
        await until(lambda: session.writable)
        [connection] = served.engine._lanes
        await until(lambda: len(connection._buffer) > MAX_PIPELINED)
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(connection._buffer) < MAX_PIPELINED + 512 * 1024
        session.send("go")
        assert (await client.answer()).body == b"4go"
        for _ in range(3_000):
            assert (await client.answer()).body == b"ok"


async def test_much_behind_an_answer_that_the_client_does_not_read_is_not_read_either(lane: bool) -> None:
    async with serve(lane=lane, http_compression=False) as served:
        client, sid = await served.open_polling()
        target = f"{POLLING}&sid={sid}"
        client.stop_reading()
        session: Any = served.handler.session
        session.send("x" * 10_000_000)
        client.request("GET", target)
        body = b"4" + b"x" * 1000
        for _ in range(3_000):
            client.request("POST", target, body=body)
        await until(lambda: not session.buffered)
        [connection] = served.engine._lanes
        await until(lambda: len(connection._buffer) > MAX_PIPELINED)
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(connection._buffer) < MAX_PIPELINED + 512 * 1024
        client.go_on_reading()
        assert len((await client.answer()).body) == 10_000_001
        for _ in range(3_000):
            assert (await client.answer()).body == b"ok"


async def test_others_have_their_turn_between_the_requests_of_one_connection() -> None:
    async with serve(lane=True) as served:
        await served.connect()
        await until(lambda: served.engine._lanes)
        [connection] = served.engine._lanes
        for _ in range(10):
            connection.data_received(f"GET {POLLING} HTTP/1.1\r\nHost: a\r\n\r\n".encode() * 100)
        assert len(served.handler.sessions) == REQUESTS_PER_TURN
        await asyncio.sleep(0)
        assert len(served.handler.sessions) <= 3 * REQUESTS_PER_TURN
        await until(lambda: len(served.handler.sessions) == 1_000)


@pytest.mark.parametrize("origin", [b"http://caf\xc3\xa9", b"http://\xe4\xb8\xad", b"http://\xff"])
async def test_an_origin_beyond_ascii_is_allowed_as_it_came(origin: bytes, lane: bool) -> None:
    async with serve(lane=lane, cors_allowed_origins="*") as served:
        client = await served.connect()
        client.write(b"GET %b HTTP/1.1\r\nHost: a\r\nOrigin: %b\r\n\r\n" % (POLLING.encode(), origin))
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert b"200 OK" in head
        assert b"\r\nAccess-Control-Allow-Origin: %b\r\n" % origin in head


async def test_a_body_in_very_many_parts_takes_no_more_room_than_a_whole_one() -> None:
    async with serve(lane=True) as served:
        client, sid = await served.open_polling()
        head = f"POST {POLLING}&sid={sid} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 200001\r\n\r\n4"
        client.write(head.encode())
        [connection] = served.engine._lanes
        await until(lambda: connection._missing == 200_000)
        tracemalloc.start()
        try:
            for _ in range(99_999):
                connection.data_received(b"xy")
            used = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        assert used < 250_000
        client.write(b"xy")
        assert (await client.answer()).body == b"ok"
        assert served.handler.messages.get_nowait() == "xy" * 100_000


async def test_idle_connections_end_with_the_server(lane: bool) -> None:
    async with serve(lane=lane) as served:
        client, _ = await served.open_polling()
        await served.runner.cleanup()
        assert await client.at_end()


async def test_the_date_is_given(lane: bool) -> None:
    async with serve(lane=lane) as served:
        client = await served.connect()
        answer = await client.get(POLLING)
        assert answer.headers["date"].endswith(" GMT")


async def test_a_lane_needs_a_path() -> None:
    with pytest.raises(RuntimeError, match="attach"):
        EngineServer(Recorder()).lane(web.Server(refuse))


async def refuse(request: web.BaseRequest) -> web.StreamResponse:
    raise web.HTTPNotFound


async def test_the_factory_makes_lanes() -> None:
    app = web.Application()
    engine = EngineServer(Recorder())
    engine.attach(app, "/x/")
    make: Callable[[], Lane] = engine.lane(web.Server(refuse))
    assert isinstance(make(), Lane)
    assert make() is not make()
