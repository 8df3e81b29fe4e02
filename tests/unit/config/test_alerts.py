"""The alerts are what Prometheus takes, and say what can be seen."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support.deployment import alerts, documents, text
from tests.support.examples import ROOT
from tests.support.promql import read

each_alert = pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])


def test_one_group() -> None:
    (document,) = documents("prometheus-alerts.yaml")
    (group,) = document["groups"]
    assert set(group) == {"name", "rules"}
    names = [alert["alert"] for alert in group["rules"]]
    assert len(names) == len(set(names))


@each_alert
def test_its_form(alert: dict[str, Any]) -> None:
    assert set(alert) - {"for"} == {"alert", "expr", "labels", "annotations"}
    assert re.fullmatch(r"Rtserver[A-Za-z]+", alert["alert"])
    assert re.fullmatch(r"\d+[smh]", alert.get("for", "1m"))
    assert alert["labels"] in ({"severity": "warning"}, {"severity": "critical"})
    assert set(alert["annotations"]) == {"summary"}


@each_alert
def test_what_it_says_has_the_labels_for_it(alert: dict[str, Any]) -> None:
    asked = read(alert["expr"])
    shown = set(re.findall(r"\$labels\.(\w+)", alert["annotations"]["summary"]))
    for labels in asked.labels.values():
        assert shown <= labels | {"instance", "job"}
    templates = re.findall(r"{{(.*?)}}", alert["annotations"]["summary"])
    for template in templates:
        assert re.fullmatch(r" \$(labels\.\w+|value( \| humanize(Duration|Percentage|1024))?) ", template), (
            template
        )


def test_the_documentation_says_what_to_do_about_each() -> None:
    page = (ROOT / "docs/deploying.md").read_text()
    named = set(re.findall(r"`(Rtserver\w+)`", page))
    assert named == {alert["alert"] for alert in alerts()}


def test_no_tabs() -> None:
    assert "\t" not in text("prometheus-alerts.yaml")
