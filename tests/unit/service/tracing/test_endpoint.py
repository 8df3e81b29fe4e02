from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from rtserver import Server, Socket
from rtserver.errors import BackendError
from rtserver.service.tracing.endpoint import TracedEndpoint
from rtserver.testing import TestClient
from tests.support.spans import TRACE, TRACEPARENT, hex_id, spans


async def test_the_backend_is_told_of_the_trace() -> None:
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        assert request.headers["webhook-id"] == "1"
        seen.append(request.headers["traceparent"])
        return web.json_response({})

    app = web.Application()
    app.router.add_post("/", answer)
    async with TestServer(app) as server:
        endpoint = TracedEndpoint(str(server.make_url("/")), 1000)
        with trace.get_tracer("a test").start_as_current_span("event"):
            assert await endpoint.post(b"{}", {"webhook-id": "1"}, 5) == b"{}"
        await endpoint.close()
    [span], [outer] = spans("POST webhook"), spans("event")
    assert hex_id(span) == hex_id(outer)
    assert span.kind is SpanKind.CLIENT
    assert span.context is not None
    assert [each[:-3] for each in seen] == [f"00-{hex_id(span)}-{span.context.span_id:016x}"]  # then flags


async def test_a_request_about_a_client_belongs_to_the_trace_of_its_connect() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({})

    app = web.Application()
    app.router.add_post("/", answer)
    sio = Server(tracing=True)
    async with TestServer(app) as server:
        endpoint = TracedEndpoint(str(server.make_url("/")), 1000)

        @sio.use
        async def ask(socket: Socket) -> None:
            await endpoint.post(b"{}", {}, 5)

        async with TestClient(sio, headers={"traceparent": TRACEPARENT}):
            [span], [connect] = spans("POST webhook"), spans("connect")
            assert hex_id(span) == hex_id(connect) == TRACE
        await endpoint.close()


async def test_a_failure_is_in_the_span() -> None:
    endpoint = TracedEndpoint("http://127.0.0.1:1/", 1000)
    with pytest.raises(BackendError):
        await endpoint.post(b"{}", {}, 5)
    await endpoint.close()
    [span] = spans("POST webhook")
    assert span.status.status_code is StatusCode.ERROR
