"""Alerts and dashboard ask for metrics, and for labels of them, that services really have."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.certificates import CertificateFiles
from tests.support.deployment import queries
from tests.support.promql import read

from .harness.command import TIMEOUT, Command, Commands
from .harness.redis import RedisServer

Labels = dict[str, set[str] | None]
APPLICATION = "def setup(server):\n    server.on('say', lambda sid, text: text)\n"
SETTINGS = """\
app = "app:setup"
[internal]
port = 0
[metrics]
enabled = true
[listen]
port = 0
"""
ALL = """\
tls_certificate = "certificate.pem"
tls_key = "key.pem"
[cluster]
manager = "redis"
url = "{redis}"
[auth]
namespaces = ["/members"]
[[auth.keys]]
algorithm = "HS256"
secret = "a secret of thirty-two bytes and more"
[limits]
connections = 100
events_per_second = 100
[recovery]
enabled = true
"""
BY_PROMETHEUS = {"up"}
"""Metrics that Prometheus makes itself."""


@pytest.fixture
def commands(commands: Commands) -> Commands:
    commands.write(app=APPLICATION)
    return commands


async def metrics(command: Command, *awaited: str) -> Labels:
    """Return the metrics of a service as Prometheus gets them: their names, and the labels that each has.

    Args:
        command: The service.
        awaited: Metrics that aren't there from the beginning.
    """
    internal = (await command.line(r"health and readiness and metrics on (\S+)"))[1]
    await command.url()
    async with aiohttp.ClientSession() as http, asyncio.timeout(TIMEOUT):
        while True:
            async with http.get(f"{internal}/metrics") as answer:
                found = labels(await answer.text())
            if set(awaited) <= set(found):
                return found
            await asyncio.sleep(0.1)


def labels(text: str) -> Labels:
    """Read an answer. Of a metric that has no values yet the labels aren't known: None."""
    found: Labels = {}
    for family in text_string_to_metric_families(text):
        if not family.samples:
            found[family.name + "_total" * (family.type == "counter")] = None
        for sample in family.samples:
            found[sample.name] = (found.get(sample.name) or set()) | set(sample.labels)
    return found


async def test_every_metric_is_there(commands: Commands, redis_server: RedisServer, tmp_path: Path) -> None:
    CertificateFiles(tmp_path)
    (tmp_path / "all.toml").write_text(SETTINGS + ALL.format(redis=redis_server.url))
    (tmp_path / "workers.toml").write_text("workers = 2\n" + SETTINGS)
    one = await metrics(await commands.start("serve", "--config", "all.toml"), "rtserver_cluster_lag")
    many = await metrics(await commands.start("serve", "--config", "workers.toml"))
    for place, query in queries():
        for name, wanted in read(query).labels.items():
            assert name in BY_PROMETHEUS | set(one) | set(many), f"{place}: there is no {name}"
            for found in (one.get(name), many.get(name)):
                if found is not None:
                    assert wanted <= found | {"worker"}, f"{place}: {name} has the labels {found}"


def test_what_isn_t_there_is_noticed() -> None:
    text = '# TYPE a counter\na_total{b="c"} 1\n# TYPE d counter\n'
    assert labels(text) == {"a_total": {"b"}, "d_total": None}
