"""The HTTP endpoints that an orchestrator and Prometheus ask."""

from __future__ import annotations

from typing import Protocol

from aiohttp import web
from prometheus_client.exposition import choose_encoder

from rtserver.service.monitoring.families import Families

__all__ = ["Source", "add_endpoints"]


class Source(Protocol):
    """Who answers: a process for itself, or the supervisor for all workers."""

    async def families(self) -> Families:
        """Return the metrics."""

    async def problems(self) -> list[str]:
        """Return why the service isn't ready; nothing if it is."""


def add_endpoints(app: web.Application, source: Source, metrics: bool) -> None:
    """Add ``/health``, ``/ready`` and, if so wanted, ``/metrics``.

    Args:
        app: Where to.
        source: Who answers.
        metrics: Whether there are metrics.
    """

    async def health(request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def ready(request: web.Request) -> web.Response:
        problems = await source.problems()
        body = {"ready": not problems, "problems": problems}
        return web.json_response(body, status=503 if problems else 200, headers={"Cache-Control": "no-store"})

    async def write_metrics(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(await source.families()), headers={"Content-Type": content_type})

    app.router.add_get("/health", health)
    app.router.add_get("/ready", ready)
    if metrics:
        app.router.add_get("/metrics", write_metrics)
