"""The table of the config file about spans of OpenTelemetry."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Self

from aiohttp import web
from pydantic import Field, model_validator

from rtserver.service.section import Section
from rtserver.service.webhooks.endpoint import Endpoint
from rtserver.tracing.options import Place, Tracing, missing

__all__ = ["TracingSettings"]

logger = logging.getLogger("rtserver.service")

Handler = Callable[[web.Request], Awaitable[web.Response]]

_TRACING = Tracing()


class TracingSettings(Section):
    """Spans of OpenTelemetry, exported as the process is set up for it (docs/tracing.md)."""

    enabled: bool = Field(
        default=False,
        description="Whether there are any: of connects, events, acknowledgments, the HTTP API and webhooks.",
    )
    traceparent: list[Place] = Field(
        default=list(_TRACING.traceparent),
        description="Where a client may name the trace that it belongs to, in this order. Empty: nowhere."
        " Clients have a say then in what is sampled.",
    )
    one_trace: bool = Field(
        default=_TRACING.one_trace,
        description="Whether a client's events belong to that trace, too. Otherwise each begins one of its"
        " own, with a link to the client's.",
    )

    @model_validator(mode="after")
    def _installed(self) -> Self:
        if self.enabled and (problem := missing()) is not None:
            raise ValueError(problem)
        return self

    def options(self) -> Tracing | None:
        """Return what `rtserver.Server` takes as `tracing`; None for no spans."""
        return Tracing(tuple(self.traceparent), self.one_trace) if self.enabled else None

    def around(self, handler: Handler) -> Handler:
        """Return a handler of aiohttp's with spans around it, or as it is."""
        if not self.enabled:
            return handler
        from rtserver.service.tracing.requests import traced  # noqa: PLC0415 - not everyone has OpenTelemetry

        return traced(handler)

    def endpoint(self) -> type[Endpoint]:
        """Return what makes requests to a backend."""
        if not self.enabled:
            return Endpoint
        from rtserver.service.tracing.endpoint import TracedEndpoint  # noqa: PLC0415

        return TracedEndpoint

    def warn(self) -> None:
        """Log that spans are made and go nowhere, where that is so once the application is there."""
        if not self.enabled:
            return
        from opentelemetry import trace  # noqa: PLC0415

        if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            logger.warning(
                "tracing: nothing exports the spans: start the service with opentelemetry-instrument, or let"
                " the application set a tracer provider (docs/tracing.md)"
            )
