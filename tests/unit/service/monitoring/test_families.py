from __future__ import annotations

import json

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from rtserver.service.monitoring.families import Families, Family, Sample

CONNECTS = Family.of("rtserver_connects", "counter", "Clients.", 3)
CLIENTS = Family.of("rtserver_clients", "gauge", "Now.", {"/b": 2, "/": 1}, "namespace")


def written(families: Families) -> str:
    return generate_latest(families).decode()


def test_one_process() -> None:
    assert written(Families([CONNECTS, CLIENTS])).splitlines() == [
        "# HELP rtserver_connects_total Clients.",
        "# TYPE rtserver_connects_total counter",
        "rtserver_connects_total 3.0",
        "# HELP rtserver_clients Now.",
        "# TYPE rtserver_clients gauge",
        'rtserver_clients{namespace="/"} 1.0',
        'rtserver_clients{namespace="/b"} 2.0',
    ]


def test_several_processes() -> None:
    workers = Family.of("rtserver_workers", "gauge", "Workers.", 2)
    text = written(Families.merged({"1": [CONNECTS, CLIENTS], "2": [CONNECTS]}, [workers]))
    assert text.count("# TYPE rtserver_connects_total counter") == 1
    assert 'rtserver_connects_total{worker="1"} 3.0\nrtserver_connects_total{worker="2"} 3.0\n' in text
    assert 'rtserver_clients{namespace="/b",worker="1"} 2.0\n' in text
    assert "rtserver_workers 2.0\n" in text
    assert list(text_string_to_metric_families(text))


def test_they_travel_as_json() -> None:
    histogram = Family("lag", "histogram", "Lag.", [Sample("_bucket", {"le": "+Inf"}, 1)])
    for family in (CONNECTS, CLIENTS, histogram):
        assert Family.from_data(json.loads(json.dumps(family.as_data()))) == family


def test_a_label_with_special_characters() -> None:
    text = written(Families([Family.of("x", "gauge", "X.", {'/a"\n\\': 1}, "namespace")]))
    assert 'x{namespace="/a\\"\\n\\\\"} 1.0' in text
