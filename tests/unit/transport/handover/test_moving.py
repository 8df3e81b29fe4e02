"""Requests that name a session of another process. Here the processes are servers of one event loop."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from rtserver.cluster.workers.place import Place
from rtserver.transport.handover.passage import MAX_DATA, Passage
from rtserver.transport.handover.sender import Outcome, Sender
from rtserver.transport.handover.waiting import WaitingSender

from ....support.engine import RawClient, Recorder, Served, serve, until, upgrade_request
from .support import descriptors

POLLING = "/engine.io/?EIO=4&transport=polling"


@asynccontextmanager
async def processes(
    folder: Path,
    *,
    names: str = "ab",
    lane: bool = True,
    tls: ssl.SSLContext | None = None,
    middlewares: Sequence[Any] = (),
    **options: Any,
) -> AsyncIterator[list[Served]]:
    """Run servers that know each other."""
    async with AsyncExitStack() as stack:
        made = []
        for name in names:
            served = await stack.enter_async_context(
                serve(Recorder(echo=True), lane=lane, tls=tls, app=application(middlewares), **options)
            )
            server = served.runner.server
            assert server is not None
            factory: Any = served.engine.lane(server) if lane else server
            served.engine.join(Place(folder, name * 4), factory)
            made.append(served)
        yield made


def application(middlewares: Sequence[Any]) -> web.Application:
    app = web.Application(middlewares=middlewares)

    async def tell(request: web.Request) -> web.Response:
        return web.json_response([request.path, request.secure, request.remote, await request.text()])

    app.router.add_route("*", "/tell", tell)
    return app


@pytest.fixture(params=[True, False], ids=["lane", "aiohttp"])
def lane(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


async def test_ids_begin_with_the_name(tmp_path: Path) -> None:
    async with processes(tmp_path) as (one, two):
        for served, name in ((one, "aaaa"), (two, "bbbb")):
            _, sid = await served.open_polling()
            assert sid.startswith(name)
            assert len(sid) == 20


async def test_polling_at_the_wrong_process(tmp_path: Path, lane: bool) -> None:
    async with processes(tmp_path, lane=lane) as (one, two):
        _, sid = await one.open_polling()
        other = await two.connect()
        for number in range(3):
            assert (await other.push(sid, b"4%d" % number)).body == b"ok"
            assert (await other.poll(sid)).body == b"4%d" % number
        assert two.engine.counters.connections_moved == 1
        assert one.engine.counters.requests_refused == 0
        assert two.engine.counters.requests_refused == 0


async def test_every_request_at_the_wrong_process(tmp_path: Path, lane: bool) -> None:
    """A proxy sends requests of several sessions over one connection."""
    async with processes(tmp_path, names="abc", lane=lane) as all_three:
        sids = [(await served.open_polling())[1] for served in all_three]
        proxy = await all_three[0].connect()
        for _ in range(5):
            for sid in sids:
                assert (await proxy.push(sid, b"4" + sid.encode())).body == b"ok"
                assert (await proxy.poll(sid)).body == b"4" + sid.encode()
        assert [served.engine.counters.connections_moved for served in all_three] == [5, 5, 4]
        assert json.loads((await proxy.get("/tell")).body)[0] == "/tell"
        assert (await proxy.push(sids[1], b"4x")).body == b"ok"


async def test_clients_of_engine_io_3(tmp_path: Path, lane: bool) -> None:
    polling = "/engine.io/?EIO=3&transport=polling"
    async with processes(tmp_path, lane=lane, allow_eio3=True) as (one, two):
        first = (await (await one.connect()).get(polling)).body
        sid = json.loads(first.partition(b":0")[2].partition(b"}")[0] + b"}")["sid"]
        assert sid.startswith("aaaa")
        client = await two.connect()
        assert (await client.post(f"{polling}&sid={sid}", b"2:4x")).body == b"ok"
        assert (await client.get(f"{polling}&sid={sid}")).body == b"2:4x"


@pytest.mark.parametrize("probe", [True, False], ids=["behind", "later"])
async def test_an_upgrade_at_the_wrong_process(tmp_path: Path, lane: bool, probe: bool) -> None:
    async with processes(tmp_path, lane=lane) as (one, two):
        client, sid = await one.open_polling()
        websocket = await two.connect()
        behind = b"\x81\x86\0\0\0\x002probe"
        websocket.write(
            upgrade_request(f"/engine.io/?EIO=4&transport=websocket&sid={sid}") + (behind if probe else b"")
        )
        assert (await websocket.head()).status == 101
        if not probe:
            websocket.write(behind)
        assert await websocket.packet() == "3probe"
        assert (await client.poll(sid)).body == b"6"
        websocket.send("5", "4up")
        assert await websocket.packet() == "4up"
        assert one.handler.session.transport_name == "websocket"


async def test_a_body_that_is_on_its_way(tmp_path: Path, lane: bool) -> None:
    async with processes(tmp_path, lane=lane) as (one, two):
        _, sid = await one.open_polling()
        client = await two.connect()
        body = b"4" + bytes(range(48, 58)) * 2
        head = f"POST {POLLING}&sid={sid} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
        client.write(head.encode() + body[:5])
        await client.writer.drain()
        await until(lambda: two.engine.counters.connections_moved or not lane)
        client.write(body[5:])
        assert (await client.answer()).body == b"ok"
        assert await one.handler.messages.get() == body[1:].decode()


async def test_a_body_larger_than_a_message(tmp_path: Path, lane: bool) -> None:
    async with processes(tmp_path, lane=lane, http_compression=False) as (one, two):
        _, sid = await one.open_polling()
        client = await two.connect()
        for _ in range(3):
            body = b"4" + b"x" * 5 * MAX_DATA
            assert (await client.push(sid, body)).body == b"ok"
            assert (await client.poll(sid)).body == body


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_body_in_chunks(tmp_path: Path, method: str) -> None:
    """aiohttp reads it: the other process gets the same body with its length."""
    async with processes(tmp_path) as (one, two):
        _, sid = await one.open_polling()
        client = await two.connect()
        client.write(
            f"{method} {POLLING}&sid={sid} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
            "3\r\n4ab\r\n2\r\ncd\r\n0\r\n\r\n".encode()
        )
        assert (await client.answer()).status == (200 if method == "POST" else 405)
        if method == "POST":
            assert await one.handler.messages.get() == "abcd"
            assert (await client.poll(sid)).body == b"4abcd"


async def test_a_body_that_is_too_large(tmp_path: Path, lane: bool) -> None:
    async with processes(tmp_path, lane=lane, max_http_buffer_size=100) as (one, two):
        _, sid = await one.open_polling()
        client = await two.connect()
        assert (await client.push(sid, b"4" + b"x" * 100)).status == 413
        assert await client.at_end()


async def test_a_body_that_never_comes(tmp_path: Path, lane: bool) -> None:
    async with processes(tmp_path, lane=lane, keepalive_timeout=0.1) as (one, two):
        _, sid = await one.open_polling()
        client = await two.connect()
        client.write(
            f"POST {POLLING}&sid={sid} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n4".encode()
        )
        assert await client.at_end() if lane else (await client.answer()).status == 400


async def test_http_1_0(tmp_path: Path) -> None:
    """nginx speaks it unless it is told otherwise."""
    async with processes(tmp_path) as (one, two):
        _, sid = await one.open_polling()
        for body in (b"4x", b"4y"):
            client = await two.connect()
            client.write(
                f"POST {POLLING}&sid={sid} HTTP/1.0\r\nHost: a\r\nContent-Length: 2\r\n\r\n".encode() + body
            )
            assert (await client.answer()).body == b"ok"
            assert await client.at_end()
            client = await two.connect()
            client.write(f"GET {POLLING}&sid={sid} HTTP/1.0\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
            assert (await client.answer()).body == body
            assert await client.at_end()


async def test_requests_behind_each_other(tmp_path: Path) -> None:
    async with processes(tmp_path) as (one, two):
        _, first = await one.open_polling()
        _, second = await two.open_polling()
        client = await two.connect()
        for sid in (first, second, first, second):
            client.request("POST", f"{POLLING}&sid={sid}", body=b"4" + sid[:4].encode())
        client.request("GET", "/tell")
        for sid in (second, first):
            client.request("GET", f"{POLLING}&sid={sid}")
        answers = [(await client.answer()).body for _ in range(7)]
        assert answers[:4] == [b"ok"] * 4
        assert answers[5:] == [b"4bbbb\x1e4bbbb", b"4aaaa\x1e4aaaa"]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("behind", ["GET /tel", "GET /tell HTTP/1.1\r\nHost: a\r\n\r\n"], ids=["part", "all"])
async def test_aiohttp_has_a_part_of_the_next(tmp_path: Path, method: str, behind: str) -> None:
    """The connection ends behind the answer, and the client sends it again."""
    async with processes(tmp_path, lane=False) as (one, two):
        _, sid = await one.open_polling()
        one.handler.session.send("waiting")
        client = await two.connect()
        client.request(method, f"{POLLING}&sid={sid}", body=b"4x" if method == "POST" else None)
        client.write(behind.encode())
        answer = await client.answer()
        assert answer.body == (b"ok" if method == "POST" else b"4waiting")
        assert answer.headers["connection"] == "close"
        assert await client.at_end()


async def test_a_middleware_sees_the_request_in_both(tmp_path: Path) -> None:
    seen = []

    @web.middleware
    async def middleware(request: web.Request, handler: Any) -> Any:
        seen.append((request.method, "sid" in request.query))
        return await handler(request)

    async with processes(tmp_path, lane=False, middlewares=[middleware]) as (one, two):
        _, sid = await one.open_polling()
        client = await two.connect()
        assert (await client.push(sid, b"4x")).body == b"ok"
        assert (await client.poll(sid)).body == b"4x"
        assert seen == [("GET", False), ("POST", True), ("POST", True), ("GET", True)]


@pytest.mark.parametrize(
    "sid", ["cccc" + "x" * 16, "../x" + "x" * 16, "bbbb" + "x" * 16, "x", "a%00b", "%2e%2e%2fx"]
)
async def test_a_session_that_nobody_has(tmp_path: Path, lane: bool, sid: str) -> None:
    before = len(descriptors())
    async with processes(tmp_path, lane=lane) as (_, two):
        client = await two.connect()
        for _ in range(3):
            answer = await client.poll(sid)
            assert (answer.status, answer.json()["code"]) == (400, 1)
        assert (await client.push(sid, b"4x")).status == 400
    assert len(descriptors()) == before


async def test_a_process_that_has_gone(tmp_path: Path, lane: bool) -> None:
    before = len(descriptors())
    async with processes(tmp_path, lane=lane) as (one, two):
        client, sid = await one.open_polling()
        other = await two.connect()
        assert (await other.push(sid, b"4x")).status == 200
        await one.runner.cleanup()
        assert await client.at_end()
        for _ in range(2):
            other = await two.connect()
            answer = await other.poll(sid)
            assert (answer.status, answer.json()["code"]) == (400, 1)
    assert len(descriptors()) == before


async def test_a_process_that_takes_no_more(
    tmp_path: Path, lane: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client isn't told that its session is unknown, which would be the end of it."""
    async with processes(tmp_path, lane=lane) as (one, two):
        _, sid = await one.open_polling()
        monkeypatch.setattr(WaitingSender, "send", lambda *_: Outcome.FULL)
        client = await two.connect()
        answer = await client.poll(sid)
        assert (answer.status, answer.json()["code"]) == (503, 3)
        assert two.engine.counters.requests_refused == 1
        monkeypatch.undo()
        assert (await client.push(sid, b"4x")).body == b"ok"


async def test_behind_a_proxy(tmp_path: Path, lane: bool) -> None:
    """Who is believed depends on the connection, also when its bytes pass through another process."""
    body = b"4" + b"x" * 2 * MAX_DATA
    async with processes(tmp_path, lane=lane, trusted_proxies=["127.0.0.1"]) as (one, two):
        _, sid = await one.open_polling()
        client = await two.connect()
        answer = await client.post(f"{POLLING}&sid={sid}", body, "X-Forwarded-For: 10.9.9.9\r\n")
        assert answer.status == 200
        assert two.engine.counters.connections_relayed == (0 if lane else 1)
        assert (await client.get(POLLING, "X-Forwarded-For: 10.1.2.3\r\n")).status == 200
        assert one.handler.session.handshake.remote == ("10.1.2.3", 0)
        assert (await client.get(POLLING)).status == 200
        assert one.handler.session.handshake.remote == client.writer.get_extra_info("sockname")


async def test_descriptors_are_closed(tmp_path: Path, lane: bool) -> None:
    before = len(descriptors())
    async with processes(tmp_path, names="abc", lane=lane) as all_three:
        sids = [(await served.open_polling())[1] for served in all_three]
        for served in all_three:
            for sid in sids:
                client = await served.connect()
                assert (await client.push(sid, b"4x")).status == 200
                assert (await client.poll(sid)).status == 200
                client.close()
                await client.end()
    await until(lambda: len(descriptors()) == before)


async def test_addresses_are_the_clients_own(tmp_path: Path, lane: bool) -> None:
    async with processes(tmp_path, lane=lane) as (one, two):
        _, sid = await one.open_polling()
        client = await two.connect()
        assert (await client.push(sid, b"4x")).status == 200
        first = (await client.get(POLLING)).body
        assert first[:1] == b"0"
        handshake = one.handler.session.handshake
        assert handshake.remote == client.writer.get_extra_info("sockname")
        assert handshake.local == ("127.0.0.1", two.port)
        assert handshake.secure is False


class TestTLS:
    """What is decrypted can't leave its process: it is relayed."""

    @pytest.fixture
    def contexts(self) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        authority = trustme.CA()
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("rtserver.example").configure_cert(server)
        client = ssl.create_default_context()
        authority.configure_trust(client)
        return server, client

    @staticmethod
    async def session(served: Served, tls: ssl.SSLContext) -> tuple[RawClient, str]:
        client = await served.connect(tls)
        answer = await client.get(POLLING)
        return client, json.loads(answer.body[1:])["sid"]

    async def test_polling(
        self, tmp_path: Path, lane: bool, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
    ) -> None:
        before = len(descriptors())
        server, tls = contexts
        async with processes(tmp_path, names="abc", lane=lane, tls=server, http_compression=False) as served:
            sids = [(await self.session(each, tls))[1] for each in served]
            client = await served[0].connect(tls)
            for sid in sids * 2:
                for body in (b"4x", b"4" + b"y" * 500_000):
                    assert (await client.push(sid, body)).body == b"ok"
                    assert (await client.poll(sid)).body == body
            # the relay's own end goes from one process to the other
            assert [each.engine.counters.connections_relayed for each in served] == [1, 0, 0]
            assert sum(each.engine.counters.connections_moved for each in served) == 4
            path, secure, remote, _ = (await client.get("/tell")).json()
            assert (path, secure, remote) == ("/tell", True, "127.0.0.1")
            assert (await client.get(POLLING)).status == 200
            handshake = served[2].handler.session.handshake
            assert handshake.remote == client.writer.get_extra_info("sockname")
            assert handshake.local == ("127.0.0.1", served[0].port)
            assert handshake.secure is True
            assert handshake.environ()["wsgi.url_scheme"] == "https"
        await until(lambda: len(descriptors()) == before)

    async def test_a_websocket(
        self, tmp_path: Path, lane: bool, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
    ) -> None:
        server, tls = contexts
        async with processes(tmp_path, lane=lane, tls=server) as (one, two):
            client, sid = await self.session(one, tls)
            websocket = await two.connect(tls)
            await websocket.upgrade(f"/engine.io/?EIO=4&transport=websocket&sid={sid}")
            websocket.send("2probe")
            assert await websocket.packet() == "3probe"
            websocket.send("5", "4" + "x" * 300_000)
            assert len(await websocket.packet()) == 300_001
            websocket.send_close(1000)
            assert await websocket.close_code() == 1000
            assert await websocket.at_end()
            assert await one.handler.reasons.get() == "transport close"
            await until(lambda: not two.engine._host.neighbours._relays)  # type: ignore[union-attr]
            client.close()

    async def test_the_end_of_either_process(
        self, tmp_path: Path, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
    ) -> None:
        server, tls = contexts
        for ended in (0, 1):
            async with processes(tmp_path, tls=server) as both:
                _, sid = await self.session(both[0], tls)
                client = await both[1].connect(tls)
                assert (await client.push(sid, b"4x")).status == 200
                await both[ended].engine.close()
                assert await client.at_end()


async def test_a_door_for_tls(tmp_path: Path) -> None:
    """Another process may hand over a connection before its handshake of TLS."""

    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("rtserver.example").configure_cert(server)
    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    async with serve(lane=True) as served:
        assert served.runner.server is not None
        place = Place(tmp_path, "aaaa")
        served.engine.join(place, served.engine.lane(served.runner.server), server)
        sender = Sender(place.door)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            connecting = asyncio.open_connection(
                *listener.getsockname(), ssl=tls, server_hostname="rtserver.example"
            )
            task = asyncio.create_task(connecting)
            accepted, _ = await asyncio.to_thread(listener.accept)
            assert sender.send(accepted.fileno(), Passage(tls=True)) is Outcome.SENT
            accepted.close()
            client = RawClient(*await task)
            assert (await client.get(POLLING)).status == 200
            assert served.handler.session.handshake.secure is True
            await client.end()
            with socket.create_connection(listener.getsockname()) as plain:
                accepted, _ = listener.accept()
                assert sender.send(accepted.fileno(), Passage(tls=True)) is Outcome.SENT
                accepted.close()
                plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
                plain.settimeout(10)
                assert await asyncio.to_thread(plain.recv, 100) is not None
        sender.close()
