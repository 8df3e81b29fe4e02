"""The plot of the ratios."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

from benchmarks.plot import drawing
from tests.support.examples import ROOT

SPACE = "{http://www.w3.org/2000/svg}"


def peer(value: float, waited: float = 0.0, per_core: float | None = None) -> dict[str, Any]:
    ratio = {"value": value, "lowest": value * 0.9, "highest": value * 1.1, "per_core": per_core}
    return {"ratio": ratio, "samples": [{"waited": waited}]}


def texts(metrics: dict[str, Any]) -> list[str]:
    return [text.text or "" for text in ElementTree.fromstring(drawing(metrics)).iter(f"{SPACE}text")]


def test_a_ratio_of_each_peer_that_was_measured() -> None:
    peers = {"rtserver": {"ratio": None, "samples": []}, "node": peer(3.15), "bun": peer(0.987)}
    shown = texts({"echo-small": {"label": "echo", "peers": peers}})
    assert "echo" in shown
    assert [text for text in shown if text.endswith("×") and "." in text[:-1]] == ["0.5×", "3.1×", "0.99×"]


def test_a_disturbed_ratio_is_that_of_processor_time() -> None:
    peers = {"node": peer(3.7, waited=0.5, per_core=1.95)}
    assert "1.95× per second of processor time" in texts(
        {"fanout-3000": {"label": "fan-out", "peers": peers}}
    )


def test_what_was_not_measured_has_no_row() -> None:
    assert "echo" not in texts({})


def test_the_picture_of_the_documentation_is_that_of_the_samples_that_are_kept() -> None:
    metrics = json.loads((ROOT / "benchmarks/results/full.json").read_text())["metrics"]
    assert (ROOT / "docs/images/benchmark.svg").read_text() == drawing(metrics), "make docs draws it anew"
