"""A collector of OpenTelemetry: takes what services export by OTLP over HTTP."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

__all__ = ["Collector", "Exported"]


@dataclass(frozen=True, slots=True)
class Exported:
    """A span, and what is said of the process that made it."""

    name: str
    scope: str
    resource: dict[str, str]


@dataclass
class Collector:
    """A collector, once entered."""

    spans: list[Exported] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    url: str = ""

    async def __aenter__(self) -> Collector:
        app = web.Application()
        app.router.add_post("/v1/traces", self._take_spans)
        app.router.add_post("/v1/logs", self._take_log)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def environment(self) -> dict[str, str]:
        """What leads a process here."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}

    async def _take_spans(self, request: web.Request) -> web.Response:
        for of_process in ExportTraceServiceRequest.FromString(await _body(request)).resource_spans:
            resource = {each.key: each.value.string_value for each in of_process.resource.attributes}
            self.spans += [
                Exported(span.name, group.scope.name, resource)
                for group in of_process.scope_spans
                for span in group.spans
            ]
        return web.Response(content_type="application/x-protobuf")

    async def _take_log(self, request: web.Request) -> web.Response:
        message: Any = ExportLogsServiceRequest.FromString(await _body(request))
        for of_process in message.resource_logs:
            for group in of_process.scope_logs:
                self.log += [record.body.string_value for record in group.log_records]
        return web.Response(content_type="application/x-protobuf")


async def _body(request: web.Request) -> bytes:
    body = await request.read()  # aiohttp has inflated it, if it knows how
    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
