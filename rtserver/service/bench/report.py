"""What a load test prints: its figures, and how far they can be believed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from rtserver.service.bench.latencies import Latencies
from rtserver.service.bench.plan import Plan, Result

__all__ = ["as_data", "report"]

BUSY: Final = 0.85
"""How much of a core a process may use before its own work is part of what it measures."""
_PERCENTILES: Final = (50, 90, 99, 99.9)


def report(plan: Plan, result: Result) -> Iterator[str]:
    """Write the lines for people."""
    yield (
        f"connected  {result.connected:,} of {plan.connections:,} in {result.connecting:.1f} s:"
        f" {_shown(result.connects)}"
    )
    if plan.emit is not None and result.connected:
        yield from _events(plan, result)
    for what, count in result.errors.most_common():
        yield f"errors     {count:,} × {what}"
    yield from _doubts(plan, result)


def as_data(result: Result) -> dict[str, Any]:
    """Return the same for programs: durations in seconds."""
    return {
        "connected": result.connected,
        "connecting_seconds": result.connecting,
        "connect_seconds": _percentiles(result.connects),
        "seconds": result.seconds,
        "events_emitted": result.emitted,
        "answers": result.answers.count,
        "answers_per_second": _per_second(result),
        "answer_seconds": _percentiles(result.answers),
        "errors": dict(result.errors),
        "generator_busy": result.busy,
    }


def _events(plan: Plan, result: Result) -> Iterator[str]:
    rate, seconds = _per_second(result), result.seconds
    yield f"answered   {rate:,.0f} a second for {seconds:.1f} s: {_shown(result.answers)}"
    if plan.expect is not None and result.emitted:
        reached = result.answers.count / result.emitted
        yield (
            f"reached    {reached:,.1f} of {result.connected:,} clients by each of {result.emitted:,} events"
        )


def _doubts(plan: Plan, result: Result) -> Iterator[str]:
    busiest = max(result.busy, default=0.0)
    if busiest > BUSY:
        yield (
            f"caution    a process of this load test used {busiest:.0%} of a core: the service could do more."
            " Take more --processes, on another machine than the service's."
        )
    if result.answers.count and plan.expect is None and plan.emit is not None:
        yield (
            f"note       each client waits for its answers, {plan.outstanding} at a time: a slow service is"
            " asked less, and the latencies are those of the load that it can bear."
        )


def _per_second(result: Result) -> float:
    return result.answers.count / result.seconds if result.seconds else 0.0


def _shown(latencies: Latencies) -> str:
    if not latencies.count:
        return "none"
    shown = [f"p{percent:g} {_duration(value)}" for percent, value in _values(latencies)]
    return ", ".join([*shown, f"max {_duration(latencies.longest)}"])


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def _percentiles(latencies: Latencies) -> dict[str, float]:
    return {f"p{percent:g}": value for percent, value in _values(latencies)} | {"max": latencies.longest}


def _values(latencies: Latencies) -> list[tuple[float, float]]:
    return [(percent, latencies.percentile(percent)) for percent in _PERCENTILES]
