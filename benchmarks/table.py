"""The tables: ratios with their goals, and the figures that they come from."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.results import Outcome, Ratio, Results, Verdict, ratio, verdict
from benchmarks.scenarios import Goal, Metric
from benchmarks.servers import OURS, Peer

__all__ = ["disturbed", "figures_table", "goals_reached", "per_core_table", "ratios_table"]

DISTURBED = 0.1
"""From this share of waiting for a core on, a figure is marked as disturbed."""
GENERATOR_LIMIT = 0.9
"""From this share of its core on, the generator may be what limits a figure."""
MARKS = {Verdict.REACHED: "reached", Verdict.MISSED: "MISSED", Verdict.UNKNOWN: "?"}


def ratios_table(results: Results, metrics: Sequence[Metric], peers: Sequence[Peer]) -> str:
    """Return the table of ratios: rows are metrics, columns are peers."""
    others = [peer for peer in peers if peer.name != OURS]
    header = ["times better than", "rtserver", *(peer.label for peer in others)]
    rows = []
    for metric in metrics:
        if metric.name not in results.outcomes:
            continue
        outcomes = results.outcomes[metric.name]
        ours = outcomes.get(OURS)
        row = [metric.label, own_cell(metric, ours)]
        for peer in others:
            found = ratio(metric, ours, outcomes.get(peer.name))
            goals = [goal for goal in metric.goals if goal.peer == peer.name]
            row.append(ratio_cell(found, goals, outcomes.get(peer.name)))
        rows.append(row)
    return aligned([header, *rows])


def per_core_table(results: Results, metrics: Sequence[Metric], peers: Sequence[Peer]) -> str:
    """Return the ratios of what a second of the server's processor time does: no goals, less noise."""
    others = [peer for peer in peers if peer.name != OURS]
    rows = []
    for metric in metrics:
        outcomes = results.outcomes.get(metric.name)
        if outcomes is None or not metric.higher_is_better:
            continue
        found = [ratio(metric, outcomes.get(OURS), outcomes.get(peer.name)) for peer in others]
        cells = [f"{one.per_core:.2f}" if one is not None and one.per_core else "-" for one in found]
        rows.append([metric.label, *cells])
    return aligned([["times better than", *(peer.label for peer in others)], *rows])


def disturbed(results: Results) -> bool:
    """Return whether other work on the machine disturbed any figure."""
    outcomes = [outcome for peers in results.outcomes.values() for outcome in peers.values()]
    return any((outcome.median(lambda sample: sample.waited) or 0) >= DISTURBED for outcome in outcomes)


def own_cell(metric: Metric, ours: Outcome | None) -> str:
    text = value_text(metric, ours)
    for goal in metric.goals:
        if goal.peer is None:
            text += f" (goal {goal.value:,g}: {MARKS[verdict(goal, ours, None)]})"
    return text


def ratio_cell(found: Ratio | None, goals: Sequence[Goal], theirs: Outcome | None) -> str:
    if found is None:
        text = "FAILED" if theirs is not None and theirs.error is not None else "-"
    else:
        text = f"{found.value:.2f}"
        if found.lowest != found.highest:
            text += f" [{found.lowest:.2f} to {found.highest:.2f}]"
    for goal in goals:
        text += f" (goal {goal.value:g}: {MARKS[verdict(goal, None, found)]})"
    return text


def value_text(metric: Metric, outcome: Outcome | None) -> str:
    if outcome is None or (outcome.error is None and not outcome.samples):
        return "-"
    value = outcome.value
    if value is None:
        return "FAILED"
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def figures_table(results: Results, metrics: Sequence[Metric], peers: Sequence[Peer]) -> str:
    """Return the figures themselves: medians, and what limited them."""
    header = [
        "",
        "peer",
        "median",
        "unit",
        "lowest to highest",
        "server",
        "per core-second",
        "generator",
        "waited",
    ]
    rows = []
    for metric in metrics:
        label = metric.label
        for peer in peers:
            outcome = results.outcomes.get(metric.name, {}).get(peer.name)
            if outcome is None:
                continue
            rows.append([label, peer.label, value_text(metric, outcome), metric.unit, *details(outcome)])
            label = ""
    return aligned([header, *rows])


def details(outcome: Outcome) -> list[str]:
    """Return the columns behind the median: spread, cores' use, and the marks of a doubtful figure."""
    if outcome.error is not None or not outcome.samples:
        return [outcome.error or "", "", "", "", ""]
    values = [sample.value for sample in outcome.samples]
    spread = f"{min(values):,.0f} to {max(values):,.0f}" if len(values) > 1 else ""
    server = outcome.median(lambda sample: sample.server_cpu)
    busy = outcome.median(lambda sample: sample.generator_busy)
    waited = outcome.median(lambda sample: sample.waited)
    per_core = outcome.median(lambda sample: sample.per_core_second)
    if not server or busy is None or waited is None or per_core is None:
        return [spread, "", "", "", ""]
    return [
        spread,
        f"{server:.0%}",
        f"{per_core:,.0f}",
        f"{busy:.0%}" + (" limit?" if busy >= GENERATOR_LIMIT else ""),
        f"{waited:.0%}" + (" disturbed" if waited >= DISTURBED else ""),
    ]


def goals_reached(results: Results, metrics: Sequence[Metric]) -> tuple[int, int, int]:
    """Count the goals of what was measured: reached, missed, not measured."""
    found = []
    for metric in metrics:
        outcomes = results.outcomes.get(metric.name)
        if outcomes is None:
            continue
        ours = outcomes.get(OURS)
        for goal in metric.goals:
            against = ratio(metric, ours, outcomes.get(goal.peer)) if goal.peer is not None else None
            found.append(verdict(goal, ours, against))
    return found.count(Verdict.REACHED), found.count(Verdict.MISSED), found.count(Verdict.UNKNOWN)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as text in columns, with a line under the header."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])
