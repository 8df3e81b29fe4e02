from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from rtserver.service.tracing.requests import traced
from tests.support.spans import TRACE, TRACEPARENT, hex_id, spans

Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async def answer(request: web.Request) -> web.Response:
        status = int(request.match_info["status"])
        if status == 0:
            raise ValueError("broken")
        return web.Response(
            status=status, text=f"{trace.get_current_span().get_span_context().trace_id:032x}"
        )

    app = web.Application()
    app.router.add_post("/api/{status}", traced(answer))
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_a_request_belongs_to_the_trace_that_it_names(client: Client) -> None:
    async with client.post("/api/200", headers={"traceparent": TRACEPARENT}) as response:
        assert await response.text() == TRACE
    [span] = spans("POST /api/{status}")
    assert hex_id(span) == TRACE
    assert span.kind is SpanKind.SERVER
    assert span.attributes == {
        "http.request.method": "POST",
        "http.route": "/api/{status}",
        "http.response.status_code": 200,
    }
    assert span.status.status_code is StatusCode.UNSET


async def test_one_that_names_none_begins_one(client: Client) -> None:
    for _ in range(2):
        await client.post("/api/200")
    first, second = spans("POST /api/{status}")
    assert first.parent is None
    assert hex_id(first) != hex_id(second)


@pytest.mark.parametrize(
    ("status", "expected"), [(404, StatusCode.UNSET), (503, StatusCode.ERROR), (0, StatusCode.ERROR)]
)
async def test_failures_of_the_server_are_seen(client: Client, status: int, expected: StatusCode) -> None:
    await client.post(f"/api/{status}")
    [span] = spans("POST /api/{status}")
    assert span.status.status_code is expected
