"""The figures that the README publishes are those of the run whose samples are kept."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pytest

from tests.support.examples import ROOT

ROWS = {
    "echo with ack, 100 clients × 4 outstanding, 32 B": "echo-small",
    "echo with ack, 200 × 1, 64 B": "echo-many",
    "echo with ack, 50 × 1, 16 KiB": "echo-large",
    "fan-out to 1,000 clients, 32 B": "fanout-1000",
    "fan-out to 3,000 clients, 128 B": "fanout-3000",
    "long-polling echo": "polling",
    "connects": "connects",
    "memory of an idle connection": "idle-memory",
    "heartbeats of 10,000 idle clients": "idle-processor",
}
PEERS = ("python-socketio", "node", "bun")
PER_CORE_SECOND = "¹"
"""The mark of a ratio that counts processor time, because the one by the clock was disturbed."""


def rows() -> dict[str, list[str]]:
    """Return the cells of the README's table of figures, by what stands in front of them."""
    section = (ROOT / "README.md").read_text().split("\n## How fast\n")[1].split("\n## ")[0]
    table = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return {cells[0]: cells[1:] for cells in table[2:]}


def metrics() -> dict[str, Any]:
    """Return the figures of the run."""
    loaded: dict[str, Any] = json.loads((ROOT / "benchmarks/results/full.json").read_text())["metrics"]
    return loaded


def shows(text: str, value: float) -> bool:
    """Return whether a rounded figure stands for a value: within half of its last digit but zeros."""
    found = re.match(r"[\d,.]+", text)
    assert found is not None, text
    shown = Decimal(found[0].replace(",", "")).normalize()
    exponent = shown.as_tuple().exponent
    assert isinstance(exponent, int)
    return abs(float(shown) - value) <= 0.5 * 10.0**exponent


@pytest.mark.parametrize(
    ("text", "value", "answer"),
    [
        ("232,000/s", 231_646.5, True),
        ("232,000/s", 231_400, False),
        ("3,456 bytes", 3_455.8, True),
        ("1.2% of a core", 1.16, True),
        ("0.99×", 0.98, False),
    ],
)
def test_rounding(text: str, value: float, answer: bool) -> None:
    assert shows(text, value) is answer


def test_the_table_has_every_row() -> None:
    assert list(rows()) == list(ROWS)


@pytest.mark.parametrize("row", ROWS)
def test_a_row_of_the_readme_is_what_was_measured(row: str) -> None:
    peers = metrics()[ROWS[row]]["peers"]
    cells = rows()[row]
    assert shows(cells[0], peers["rtserver"]["median"]), (cells[0], peers["rtserver"]["median"])
    for cell, peer in zip(cells[1:], PEERS, strict=True):
        measured = peers[peer]["ratio"]["per_core" if PER_CORE_SECOND in cell else "value"]
        assert shows(cell, measured), (peer, cell, measured)
