"""The plot: how many times better one server of ours is than one of others, a group of bars per metric."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.deployment import Group
from benchmarks.results import Ratio, Results, ratio
from benchmarks.scenarios import Metric
from benchmarks.servers import OURS, Peer

__all__ = ["draw"]

COLOURS = ("#3b6fb6", "#5fa55a", "#c8793a", "#9a9a9a")


def draw(results: Results, metrics: Sequence[Metric], peers: Sequence[Peer], path: Path) -> bool:
    """Draw the ratios into a PNG file.

    Returns:
        Whether there was anything to draw.
    """
    import matplotlib  # noqa: PLC0415 - not needed to measure

    matplotlib.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415

    others = [peer for peer in peers if peer.name != OURS and Group.SERVERS in peer.groups]
    shown = [metric for metric in metrics if any(compare(results, metric, peer) for peer in others)]
    if not shown:
        return False
    height = 0.8 / max(len(others), 1)
    figure, axes = pyplot.subplots(figsize=(10, 1.6 + 0.75 * len(shown)), layout="constrained")
    for column, peer in enumerate(others):
        for row, metric in enumerate(shown):
            found = compare(results, metric, peer)
            if found is None:
                continue
            at = row + (column - (len(others) - 1) / 2) * height
            error = [[found.value - found.lowest], [found.highest - found.value]]
            axes.barh(
                at,
                found.value,
                height * 0.9,
                color=COLOURS[column % len(COLOURS)],
                label=None if peer.label in axes.get_legend_handles_labels()[1] else peer.label,
                xerr=error,
                error_kw={"elinewidth": 1, "ecolor": "#333333"},
            )
            axes.annotate(
                f"{found.value:.2f}",
                (found.highest, at),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
            for goal in metric.goals:
                if goal.peer == peer.name:
                    axes.plot(
                        [goal.value] * 2, [at - height / 2, at + height / 2], color="black", linewidth=2
                    )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.axvline(1, color="#333333", linewidth=1)
    axes.set_yticks(range(len(shown)), [metric.label for metric in shown])
    axes.invert_yaxis()
    axes.margins(x=0.08)
    axes.set_xlabel("times better than the peer (right of 1: rtserver is ahead; black marks: goals)")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(others), frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
    return True


def compare(results: Results, metric: Metric, peer: Peer) -> Ratio | None:
    outcomes = results.outcomes.get(metric.name, {})
    return ratio(metric, outcomes.get(OURS), outcomes.get(peer.name))
