"""The spans that a test's doings make, by a tracer provider that is set up once."""

from __future__ import annotations

from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

__all__ = ["EXPORTER", "TRACE", "TRACEPARENT", "hex_id", "set_up", "spans"]

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"
"""The example of W3C Trace Context, 3.2."""
EXPORTER = InMemorySpanExporter()


def set_up() -> None:
    """Export spans to memory from now on. A process has one provider."""
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(EXPORTER))
        trace.set_tracer_provider(provider)
    EXPORTER.clear()


def spans(name: str | None = None) -> list[ReadableSpan]:
    """Return the spans that have ended, in that order."""
    return [span for span in EXPORTER.get_finished_spans() if name in (None, span.name)]


def hex_id(span: Any) -> str:
    """Return the id of a span's trace as it is written."""
    return f"{span.context.trace_id:032x}"
