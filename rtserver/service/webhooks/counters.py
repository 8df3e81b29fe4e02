"""What is counted of the requests to a backend, for metrics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from rtserver.service.monitoring.histogram import Histogram

__all__ = ["SECONDS", "WebhookCounters"]

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets of a request's duration."""


@dataclass(slots=True)
class WebhookCounters:
    """Counters that only grow, and gauges of this moment."""

    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Requests by type and result: ``ok``, ``refused``, or the code of a `BackendError`."""
    attempts: int = 0
    """Requests that were sent, again ones included."""
    retries: int = 0
    """Requests that were sent again."""
    lost: int = 0
    """Ends of clients that the backend wasn't told of."""
    seconds: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    """How long requests took from when they were sent."""
    running: int = 0
    """Requests under way."""
    waiting: int = 0
    """Connects and events that wait for others to end."""
    queued: int = 0
    """Ends of clients that the backend is still to be told of."""
