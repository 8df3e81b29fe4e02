"""The tables of the config file about what a running service tells of itself: health and metrics."""

from __future__ import annotations

from pydantic import Field

from rtserver.service.section import Section

__all__ = ["InternalSettings", "MetricsSettings"]


class InternalSettings(Section):
    """An address of its own for /health, /ready and /metrics (docs/operating.md)."""

    host: str = Field(default="127.0.0.1", min_length=1, description="Address or host name.")
    port: int | None = Field(
        default=None,
        ge=0,
        le=65_535,
        description="TCP port. Not set: they are found where clients connect.",
        examples=[9000],
    )


class MetricsSettings(Section):
    """Metrics for Prometheus, at /metrics."""

    enabled: bool = Field(
        default=False,
        description="Whether there are any. Counting bytes costs a little throughput.",
    )
