"""Spans of requests that come in, in the trace that their headers name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode

__all__ = ["traced"]

Handler = Callable[[web.Request], Awaitable[web.Response]]


def traced(handler: Handler) -> Handler:
    """Return a handler of aiohttp's that makes a span of each request."""
    tracer = trace.get_tracer("rtserver")

    async def answer(request: web.Request) -> web.Response:
        resource = request.match_info.route.resource
        route = request.path if resource is None else resource.canonical
        attributes = {"http.request.method": request.method, "http.route": route}
        context = propagate.extract(request.headers, Context())
        with tracer.start_as_current_span(
            f"{request.method} {route}", context, SpanKind.SERVER, attributes=attributes
        ) as span:
            response = await handler(request)
            span.set_attribute("http.response.status_code", response.status)
            if response.status >= 500:
                span.set_status(Status(StatusCode.ERROR))
            return response

    return answer
