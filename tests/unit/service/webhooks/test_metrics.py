from __future__ import annotations

from prometheus_client.exposition import generate_latest

from rtserver.service.monitoring.families import Families
from rtserver.service.webhooks.metrics import families

from .backends import DOWN, FAULT, LOST, Service


async def test_the_metrics() -> None:
    one = Service({}, FAULT, DOWN, LOST, LOST, LOST, retries=1)
    socket = one.sio.socket(one.harness.session().join())
    for _ in range(5):
        await one.backend.event(socket, "x", ())
    text = generate_latest(Families(families(one.backend))).decode()
    found = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert found['rtserver_webhooks_total{result="ok",type="event"}'] == "1.0"
    assert found['rtserver_webhooks_total{result="backend_failed",type="event"}'] == "1.0"
    assert found['rtserver_webhooks_total{result="backend_unavailable",type="event"}'] == "3.0"
    assert found["rtserver_webhook_retries_total"] == "1.0"
    assert found["rtserver_webhook_lost_total"] == "0.0"
    assert found["rtserver_webhook_breaker_opened_total"] == "1.0"
    assert found["rtserver_webhook_breaker_open"] == "1.0"
    assert found["rtserver_webhook_running"] == found["rtserver_webhook_waiting"] == "0.0"
    assert found["rtserver_webhook_queued"] == "0.0"
    assert found["rtserver_webhook_seconds_count"] == "5.0"
