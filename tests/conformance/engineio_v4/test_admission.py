"""`allow_request`: who may open a session, decided at once or later."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from rtserver.engineio.handler import Handshake
from tests.conformance.engineio_v4.helpers import POLLING, Serve, error, opening, probe
from tests.support.engine import frame, serve, upgrade_request

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

every_transport = pytest.mark.parametrize("transport", ["polling", "websocket"])
both_kinds = pytest.mark.parametrize("kind", ["plain", "async"])


def answering(kind: str, verdict: object) -> Callable[[Handshake], object]:
    """Make a function that decides so, at once or after the loop has turned."""

    async def later(handshake: Handshake) -> object:
        await asyncio.sleep(0)
        return verdict

    return later if kind == "async" else lambda handshake: verdict


class Gate:
    """An `allow_request` that waits until it is opened."""

    def __init__(self) -> None:
        self.verdict: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.asked = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def __call__(self, handshake: Handshake) -> object:
        self.asked.set()
        try:
            return await asyncio.shield(self.verdict)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


@every_transport
@both_kinds
@pytest.mark.parametrize("verdict", [True, None])
async def test_an_allowed_client_opens_a_session(
    server: Serve, transport: str, kind: str, verdict: object
) -> None:
    async with server(allow_request=answering(kind, verdict)) as served:
        if transport == "polling":
            client, sid = await served.open_polling()
            served.handler.session.send("hello")
            assert (await client.poll(sid)).body == b"4hello"
        else:
            websocket = await served.open_websocket()
            served.handler.session.send("hello")
            assert await websocket.packet() == "4hello"


@every_transport
@both_kinds
@pytest.mark.parametrize(
    ("verdict", "message"),
    [(False, "Forbidden"), ("", "Forbidden"), ("no token — sorry", "no token — sorry")],
)
async def test_a_refused_client_is_told_the_reason(
    server: Serve, transport: str, kind: str, verdict: object, message: str
) -> None:
    async with server(allow_request=answering(kind, verdict)) as served:
        client = await served.connect()
        client.write(opening(transport))
        answer = await client.answer()
        assert (answer.status, answer.json()) == (403, {"code": 4, "message": message})
        assert (served.handler.sessions, len(served.engine.sessions)) == ([], 0)
        assert served.engine.counters.requests_refused == 1
        # the connection serves on
        assert (await client.get("/engine.io/?transport=unknown")).status == 400


@every_transport
@both_kinds
@pytest.mark.parametrize("verdict", [1, [], {"ok": True}])
async def test_any_other_verdict_is_an_error_of_the_applications(
    server: Serve, caplog: pytest.LogCaptureFixture, transport: str, kind: str, verdict: object
) -> None:
    async with server(allow_request=answering(kind, verdict)) as served:
        client = await served.connect()
        client.write(opening(transport))
        answer = await client.answer()
        assert (answer.status, answer.json()) == (500, error(3, "Internal error"))
    assert f"allow_request returned {verdict!r}, expected True, None, False or the reason" in caplog.text


@every_transport
@both_kinds
async def test_what_it_raises_is_logged_and_not_sent(
    server: Serve, caplog: pytest.LogCaptureFixture, transport: str, kind: str
) -> None:
    def fail(handshake: Handshake) -> object:
        raise TimeoutError("internal secret")

    async def fail_later(handshake: Handshake) -> object:
        await asyncio.sleep(0)
        return fail(handshake)

    async with server(allow_request=fail_later if kind == "async" else fail) as served:
        client = await served.connect()
        client.write(opening(transport))
        answer = await client.answer()
        assert (answer.status, answer.json()) == (500, error(3, "Internal error"))
        assert len(served.engine.sessions) == 0
    assert "internal secret" in caplog.text


@every_transport
async def test_one_that_cancels_itself_is_an_error_too(
    server: Serve, caplog: pytest.LogCaptureFixture, transport: str
) -> None:
    async def cancel(handshake: Handshake) -> object:
        raise asyncio.CancelledError

    async with server(allow_request=cancel) as served:
        client = await served.connect()
        client.write(opening(transport))
        assert (await client.answer()).status == 500
    assert "allow_request has cancelled itself" in caplog.text


@every_transport
async def test_a_decision_may_take_only_so_long(server: Serve, transport: str) -> None:
    gate = Gate()
    async with server(allow_request=gate, allow_request_timeout=0.01) as served:
        client = await served.connect()
        client.write(opening(transport))
        answer = await client.answer()
        assert (answer.status, answer.json()) == (503, error(3, "took too long"))
        assert gate.cancelled.is_set()


@every_transport
async def test_a_client_that_leaves_before_the_decision_gets_no_session(
    server: Serve, transport: str
) -> None:
    gate = Gate()
    async with server(allow_request=gate) as served:
        client = await served.connect()
        client.write(opening(transport))
        await gate.asked.wait()
        client.abort()
        await gate.cancelled.wait()
        gate.verdict.set_result(True)
        for _ in range(3):
            await asyncio.sleep(0)
        assert (served.handler.sessions, len(served.engine.sessions)) == ([], 0)


async def test_one_that_fails_when_the_client_has_left_is_no_longer_of_interest(server: Serve) -> None:
    asked, failed = asyncio.Event(), asyncio.Event()

    async def fail_at_the_end(handshake: Handshake) -> None:
        asked.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            failed.set()
            raise ValueError("in the middle of something")

    async with server(allow_request=fail_at_the_end) as served:
        client = await served.connect()
        client.request("GET", POLLING)
        await asked.wait()
        client.abort()
        await failed.wait()
        assert served.engine.counters.requests_refused == 0
    gc.collect()  # asyncio would complain now, which the tests of this folder fail for


@every_transport
async def test_the_end_of_the_server_refuses_those_who_wait(server: Serve, transport: str) -> None:
    gate = Gate()
    async with server(allow_request=gate) as served:
        client = await served.connect()
        client.write(opening(transport))
        await gate.asked.wait()
        await served.engine.close()
        answer = await client.answer()
        assert (answer.status, answer.json()) == (503, error(4, "shutting down"))
        await gate.cancelled.wait()


@pytest.mark.parametrize("size", [10, 300_000])
async def test_frames_behind_a_handshake_that_waits_are_kept(server: Serve, size: int) -> None:
    """However many: those that the server doesn't take yet stay in the buffers of the system."""
    gate = Gate()
    async with server(allow_request=gate) as served:
        client = await served.connect()
        client.write(upgrade_request("/engine.io/?EIO=4&transport=websocket"))
        await gate.asked.wait()
        client.write(frame(1, b"4" + b"x" * size))
        gate.verdict.set_result(True)
        assert (await client.head()).status == 101
        assert (await client.packet())[:1] == "0"
        assert await served.handler.messages.get() == "x" * size


async def test_requests_behind_one_that_waits_are_kept(server: Serve) -> None:
    gate = Gate()
    async with server(allow_request=gate) as served:
        client = await served.connect()
        client.request("GET", POLLING)
        await gate.asked.wait()
        client.request("GET", "/engine.io/?transport=unknown")
        gate.verdict.set_result(True)
        assert (await client.answer()).body[:1] == b"0"
        assert (await client.answer()).json() == error(0, "unknown")


async def test_only_requests_that_open_a_session_are_decided(server: Serve) -> None:
    """As in the reference server: the id of a session is what its later requests are allowed by."""
    asked: list[str] = []

    def allow(handshake: Handshake) -> None:
        asked.append(handshake.method)

    async with server(allow_request=allow) as served:
        client, sid = await served.open_polling()
        assert (await client.push(sid, b"4one")).body == b"ok"
        websocket = await probe(served, sid)
        websocket.send("5", "4two")
        assert [await served.handler.messages.get() for _ in range(2)] == ["one", "two"]
        for bad in (
            "/engine.io/?EIO=4&transport=unknown",
            "/engine.io/?EIO=3&transport=polling",
            "/engine.io/?EIO=4&transport=websocket",
        ):
            assert (await (await served.connect()).get(bad)).status == 400
        assert asked == ["GET"]


async def test_the_request_is_known(server: Serve) -> None:
    def allow(handshake: Handshake) -> bool | str:
        (token,) = handshake.query["token"]
        return token == handshake.header("x-token") or f"{handshake.remote[0]}: {token!r} is wrong"

    async with server(allow_request=allow) as served:
        client = await served.connect()
        assert (await client.get(f"{POLLING}&token=a", "X-Token: a\r\n")).status == 200
        refused = await client.get(f"{POLLING}&token=b", "X-Token: a\r\n")
        assert refused.json()["message"] == "127.0.0.1: 'b' is wrong"


async def test_it_can_be_set_on_a_running_server(server: Serve) -> None:
    async with server() as served:
        client = await served.connect()
        assert (await client.get(POLLING)).status == 200
        served.engine.allow_request = lambda handshake: False
        assert (await client.get(POLLING)).status == 403
        served.engine.allow_request = None
        assert (await client.get(POLLING)).status == 200


async def test_a_handler_of_the_web_servers_that_is_cancelled_cancels_the_decision() -> None:
    gate = Gate()
    handlers: list[asyncio.Task[web.StreamResponse]] = []

    @web.middleware
    async def cancellable(request: web.Request, handler: Handler) -> web.StreamResponse:
        handlers.append(asyncio.ensure_future(handler(request)))
        try:
            return await handlers[0]
        except asyncio.CancelledError:
            return web.Response(status=503)

    async with serve(app=web.Application(middlewares=[cancellable]), allow_request=gate) as served:
        client = await served.connect()
        client.request("GET", POLLING)
        await gate.asked.wait()
        handlers[0].cancel()
        await gate.cancelled.wait()
        assert (await client.answer()).status == 503
