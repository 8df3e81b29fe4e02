"""What a server of a cluster pays for events that are for clients of other servers."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.deployed import Deployed
from benchmarks.deployment import Mode
from benchmarks.generator import Generator, LoadError
from benchmarks.processes import pinned, stop, used_seconds
from benchmarks.results import Sample
from benchmarks.scenarios import Pace, Scenario

__all__ = ["look_at_elsewhere"]

ENOUGH = 0.95
"""Share of the events wanted that must have been published: with fewer, the figure would flatter."""
LEAD = 0.5
"""Seconds that the publisher is at work before the window, and after it."""


def look_at_elsewhere(
    scenario: Scenario, server: Deployed, generator: Generator, pace: Pace
) -> tuple[Sample]:
    """Return the share of a core that a server uses while others publish for rooms of theirs.

    Raises:
        LoadError: The clients, or the publisher, didn't do what they should.
    """
    wanted = scenario.arguments
    mode, (node,) = scenario.deployment.mode, server.servers
    assert mode is not None
    assert server.redis is not None
    window = max(pace.window * pace.rounds, 2.0)
    pids = [node.pid]
    with generator.idle(server.ports, pids, wanted["connections"]):
        time.sleep(pace.settle)
        publisher = start(server.redis.url, mode, wanted, window + 2 * LEAD, generator.core)
        try:
            assert publisher.stdout is not None
            publisher.stdout.readline()  # it begins
            time.sleep(LEAD)
            before, began = used_seconds(pids), time.monotonic()
            time.sleep(window)
            used, seconds = used_seconds(pids) - before, time.monotonic() - began
            output, _ = publisher.communicate(timeout=window + 30)
        finally:
            stop(publisher)
    if publisher.returncode:
        raise LoadError(f"the publisher ended with status {publisher.returncode}")
    told = json.loads(output)
    reached = told["published"] / told["seconds"]
    if reached < wanted["rate"] * ENOUGH:
        raise LoadError(f"{reached:,.0f} events/s were published, {wanted['rate']:,} were wanted")
    check_subscriptions(mode, told)
    return (Sample(0, 100 * used / seconds, detail={"cpu_seconds": used, "seconds": seconds, **told}),)


def start(url: str, mode: Mode, wanted: dict[str, int], seconds: float, core: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.publisher", url, mode, str(seconds)]
    command += [str(wanted[name]) for name in ("rate", "rooms", "payload")]
    with pinned(core):
        return subprocess.Popen(
            command,
            cwd=Path(__file__).parent.parent,
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
        )


def check_subscriptions(mode: Mode, told: dict[str, int]) -> None:
    """Check that the server hears of each event, but for the mode in which rooms have channels.

    Whoever publishes to a stream isn't told who reads it.

    Raises:
        LoadError: It is otherwise, and the figure says nothing.
    """
    heard = told["heard"]
    if mode != "streams" and heard != (0 if mode == "sharded" else told["published"]):
        raise LoadError(f"the server heard {heard:,} of {told['published']:,} events in mode {mode}")
