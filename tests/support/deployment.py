"""The files of config/ that operators take, read for what they say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import yaml

from tests.support.examples import ROOT

__all__ = ["alerts", "dashboard", "documents", "queries", "text"]


def text(name: str) -> str:
    """Return a file of config/."""
    return (ROOT / "config" / name).read_text()


def documents(name: str) -> list[Any]:
    """Return the documents of a YAML file."""
    return list(yaml.safe_load_all(text(name)))


def alerts() -> list[dict[str, Any]]:
    """Return the alerts."""
    (document,) = documents("prometheus-alerts.yaml")
    return [rule for group in document["groups"] for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    """Return the dashboard."""
    found: dict[str, Any] = json.loads(text("grafana-dashboard.json"))
    return found


def queries() -> Iterator[tuple[str, str]]:
    """Return what Prometheus is asked for, and where."""
    for alert in alerts():
        yield f"alert {alert['alert']}", alert["expr"]
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            yield f"panel {panel['title']}", target["expr"]
