"""The metrics of the requests to a backend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rtserver.service.monitoring.families import Family, Sample

if TYPE_CHECKING:
    from rtserver.service.webhooks.backend import Backend

__all__ = ["families"]


def families(backend: Backend) -> Iterator[Family]:
    """Read what is counted of a backend.

    Args:
        backend: The backend.
    """
    counters = backend.counters
    samples = [
        Sample("_total", {"type": type, "result": result}, count)
        for (type, result), count in sorted(counters.requests.items())
    ]
    yield Family("rtserver_webhooks", "counter", "Requests to the backend.", samples)
    for name, value, help in (
        ("retries", counters.retries, "Requests that were sent to the backend again."),
        ("lost", counters.lost, "Clients that have gone without the backend's being told."),
        ("breaker_opened", backend.times_let_alone, "Times that the backend was let alone."),
    ):
        yield Family.of(f"rtserver_webhook_{name}", "counter", help, value)
    for name, value, help in (
        ("running", counters.running, "Requests to the backend that are under way."),
        ("waiting", counters.waiting, "Connects and events that wait for their turn."),
        ("queued", counters.queued, "Clients that have gone of which the backend is to be told."),
        ("breaker_open", backend.is_let_alone, "Whether the backend is let alone."),
    ):
        yield Family.of(f"rtserver_webhook_{name}", "gauge", help, float(value))
    yield counters.seconds.family(
        "rtserver_webhook_seconds", "How long requests to the backend took, once they were sent."
    )
