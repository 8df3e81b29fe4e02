"""Spans of requests to a backend, which is told of them in the request's headers."""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind

from rtserver.service.webhooks.endpoint import Endpoint

__all__ = ["TracedEndpoint"]


class TracedEndpoint(Endpoint):
    """The backend's address, as `Endpoint` is."""

    async def post(self, body: bytes, headers: Mapping[str, str], timeout: float) -> bytes:  # noqa: ASYNC109
        """Send a request, whose headers name a span around it; see `Endpoint.post`."""
        with trace.get_tracer("rtserver").start_as_current_span("POST webhook", kind=SpanKind.CLIENT):
            carrier: dict[str, str] = {}
            propagate.inject(carrier)
            return await super().post(body, {**headers, **carrier}, timeout)
