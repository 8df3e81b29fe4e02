"""The plot: how many times better one server of ours is than one of others, a group of bars for each metric.

``python -m benchmarks.plot`` draws ``docs/images/benchmark.svg`` anew from the results of the full run.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.scenarios import ALONE_METRICS
from benchmarks.table import DISTURBED

__all__ = ["drawing", "main"]

ROOT = Path(__file__).parents[1]
PEERS = {"python-socketio": "python-socketio", "node": "Node.js socket.io", "bun": "Bun engine"}

WIDTH, LEFT, RIGHT, TOP = 920, 300, 860, 56
BAR, GAP, ROW = 13, 2, 62
LOWEST, HIGHEST = 0.4, 20
TICKS = (0.5, 1, 2, 5, 10, 20)

_STYLE = """\
text{fill:#1f2933}.s{fill:#52606d;font-size:12px}.g{stroke:#d9dee4}.one{stroke:#52606d;stroke-width:1.5}\
.w{stroke:#1f2933;stroke-opacity:.6}.p0{fill:#3b6fb6}.p1{fill:#4c9a52}.p2{fill:#c8793a}\
@media (prefers-color-scheme:dark){text{fill:#e4e7eb}.s{fill:#cbd2d9}.g{stroke:#323f4b}.one{stroke:#cbd2d9}\
.w{stroke:#f5f7fa}.p0{fill:#5b8fd6}.p1{fill:#5fae66}.p2{fill:#d98b4c}}"""


def drawing(metrics: Mapping[str, Any]) -> str:
    """Return the plot as SVG, which follows the reader's choice of light or dark.

    Args:
        metrics: What a run has saved as ``metrics``.
    """
    rows = [metrics[metric.name] for metric in ALONE_METRICS if metric.name in metrics]
    height = TOP + ROW * len(rows) + 52
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
        ' font-family="system-ui, sans-serif" font-size="13">',
        f"<style>{_STYLE}</style>",
        *_legend(),
        *_axis(height - 52),
    ]
    for number, row in enumerate(rows):
        top = TOP + ROW * number + (ROW - 3 * BAR - 2 * GAP) / 2
        middle = top + (3 * BAR + 2 * GAP) / 2 + 4.5
        parts.append(f'<text x="{LEFT - 14}" y="{middle:g}" text-anchor="end">{row["label"]}</text>')
        for place, peer in enumerate(PEERS):
            found = row["peers"].get(peer)
            if found is not None and found["ratio"] is not None:
                parts += _bar(found, place, top + place * (BAR + GAP))
    parts.append(
        f'<text class="s" x="{(LEFT + RIGHT) / 2:g}" y="{height - 8}" text-anchor="middle">'
        "times better than the other server; right of 1 rtserver is ahead</text>"
    )
    return "\n".join([*parts, "</svg>\n"])


def _legend() -> Iterator[str]:
    for place, label in enumerate(PEERS.values()):
        left = LEFT + 180 * place
        yield f'<rect class="p{place}" x="{left}" y="18" width="22" height="{BAR}" rx="2"/>'
        yield f'<text x="{left + 30}" y="29">{label}</text>'


def _axis(bottom: float) -> Iterator[str]:
    for tick in TICKS:
        x = _x(tick)
        kind = "one" if tick == 1 else "g"
        yield f'<path class="{kind}" d="M{x:.1f},{TOP} V{bottom}"/>'
        yield f'<text class="s" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{tick:g}×</text>'


def _bar(found: Mapping[str, Any], place: int, top: float) -> Iterator[str]:
    """Draw the bar of one peer: from 1, to the right where ours is better, with the spread of the rounds.

    Where other work disturbed it, processor time is compared instead of the clock's.
    """
    ratio = found["ratio"]
    waited = statistics.median(sample["waited"] for sample in found["samples"])
    by_clock = waited < DISTURBED or ratio["per_core"] is None
    value = ratio["value"] if by_clock else ratio["per_core"]
    start, end = sorted((_x(1), _x(value)))
    width = max(end - start, 1)
    yield f'<rect class="p{place}" x="{start:.1f}" y="{top:g}" width="{width:.1f}" height="{BAR}" rx="2"/>'
    right = end
    if by_clock and ratio["lowest"] != ratio["highest"]:
        lowest, highest = _x(ratio["lowest"]), _x(ratio["highest"])
        right = max(end, highest)
        yield f'<path class="w" d="M{lowest:.1f},{top + BAR / 2:g} H{highest:.1f}"/>'
    text = f"{value:.2f}" if value < 2 else f"{value:.1f}"
    mark = "" if by_clock else " per second of processor time"
    yield f'<text class="s" x="{max(right, _x(1)) + 6:.1f}" y="{top + BAR - 2.5:g}">{text}×{mark}</text>'


def _x(value: float) -> float:
    share = math.log(value / LOWEST) / math.log(HIGHEST / LOWEST)
    return LEFT + share * (RIGHT - LEFT)


def main() -> None:
    """Draw the documentation's picture anew."""
    record = json.loads((ROOT / "benchmarks" / "results" / "full.json").read_text())
    (ROOT / "docs" / "images" / "benchmark.svg").write_text(drawing(record["metrics"]))


if __name__ == "__main__":
    main()
