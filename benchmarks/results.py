"""What was measured, and the arithmetic over it: ratios of one round, their median and spread."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from benchmarks.scenarios import Goal, Metric

__all__ = ["Outcome", "Ratio", "Results", "Sample", "Verdict", "ratio", "verdict"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure of one round.

    Args:
        round: Which round: samples of one round were taken one after the other.
        value: In the metric's unit.
        server_cpu: Share of its core that the server used, 0 to 1.
        generator_busy: Share of the time that the generator did not wait.
        waited: Share of the time that server or generator could have run while others had their core.
        detail: What else is worth keeping.
    """

    round: int
    value: float
    server_cpu: float = 0.0
    generator_busy: float = 0.0
    waited: float = 0.0
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def per_core_second(self) -> float:
        """The value for a whole core: what an undisturbed, saturated server would reach."""
        return self.value / self.server_cpu if self.server_cpu else 0.0


@dataclass(slots=True)
class Outcome:
    """What became of one metric at one peer: samples, or the error that makes them worthless."""

    samples: list[Sample] = field(default_factory=list)
    error: str | None = None

    @property
    def value(self) -> float | None:
        """The median, or None without samples or with an error."""
        return self.median(lambda sample: sample.value)

    def median(self, read: Callable[[Sample], float]) -> float | None:
        """Return the median of what `read` finds in each sample."""
        if self.error is not None or not self.samples:
            return None
        return statistics.median(read(sample) for sample in self.samples)


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times better ours is: median over the rounds, extremes, and the median per core-second."""

    value: float
    lowest: float
    highest: float
    per_core: float | None


class Verdict(StrEnum):
    """Whether a goal was reached."""

    REACHED = "reached"
    MISSED = "missed"
    UNKNOWN = "not measured"


@dataclass(slots=True)
class Results:
    """Everything of one run of the benchmark.

    Args:
        outcomes: By metric name, then by peer name.
        left_out: Peers that don't take part, with the reason.
        about: Machine, versions and settings.
    """

    outcomes: dict[str, dict[str, Outcome]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)

    def outcome(self, metric: str, peer: str) -> Outcome:
        """Return where the samples of a metric at a peer are kept."""
        return self.outcomes.setdefault(metric, {}).setdefault(peer, Outcome())

    @property
    def errors(self) -> list[tuple[str, str, str]]:
        """Every failure: metric, peer, reason."""
        return [
            (metric, peer, outcome.error)
            for metric, peers in self.outcomes.items()
            for peer, outcome in peers.items()
            if outcome.error is not None
        ]


def ratio(metric: Metric, ours: Outcome | None, theirs: Outcome | None) -> Ratio | None:
    """Compare two outcomes round by round: neighbours in time share whatever disturbed the machine.

    Returns None when either has no samples. Above 1 ours is better, whatever the metric's direction.
    """
    if ours is None or theirs is None or ours.error is not None or theirs.error is not None:
        return None
    by_round = {sample.round: sample for sample in theirs.samples}
    pairs = [(sample, by_round[sample.round]) for sample in ours.samples if sample.round in by_round]
    values = [better(metric, mine.value, other.value) for mine, other in pairs]
    if not values:
        return None
    per_core = None
    if metric.higher_is_better and all(mine.server_cpu and other.server_cpu for mine, other in pairs):
        per_core = statistics.median(mine.per_core_second / other.per_core_second for mine, other in pairs)
    return Ratio(statistics.median(values), min(values), max(values), per_core)


def better(metric: Metric, mine: float, other: float) -> float:
    """Return how many times better `mine` is."""
    above, below = (mine, other) if metric.higher_is_better else (other, mine)
    return above / below if below > 0 else float("inf")


def verdict(goal: Goal, ours: Outcome | None, against: Ratio | None) -> Verdict:
    """Return whether a goal was reached.

    Args:
        goal: The goal.
        ours: Our outcome.
        against: The ratio to the goal's peer, when it has one.
    """
    if goal.peer is not None:
        if against is None:
            return Verdict.UNKNOWN
        return Verdict.REACHED if against.value >= goal.value else Verdict.MISSED
    value = ours.value if ours is not None else None
    if value is None:
        return Verdict.UNKNOWN
    return Verdict.REACHED if value <= goal.value else Verdict.MISSED
