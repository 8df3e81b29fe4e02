"""What idle connections cost a server: memory, and heartbeats."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.deployed import Deployed
from benchmarks.generator import Generator, LoadError
from benchmarks.processes import resident_bytes
from benchmarks.results import Sample
from benchmarks.scenarios import Pace, Scenario

__all__ = ["DEFAULT_INTERVAL", "idle_memory", "idle_processor", "look_at_idle"]

DEFAULT_INTERVAL = 25.0
"""Seconds between two heartbeats in every server's default settings."""
LATE_PINGS = 0.1
"""Share of the heartbeats due that a late server may leave outside the window."""


def look_at_idle(
    scenario: Scenario, server: Deployed, generator: Generator, pace: Pace
) -> tuple[Sample, Sample | LoadError]:
    """Return the memory of a connection, and the processor share of all.

    Raises:
        LoadError: The clients couldn't connect.
    """
    connections, (node,), pids = scenario.arguments["connections"], server.servers, server.pids
    # Whatever a server loads or compiles with its first clients is no cost of a connection.
    generator.run("echo", server.ports, pids, connections=200, warmup=pace.warmup, duration=pace.warmup)
    time.sleep(pace.settle)
    before = resident_bytes(node.pid)
    with generator.idle(server.ports, pids, connections) as clients:
        time.sleep(pace.settle)
        after = resident_bytes(node.pid)
        begin = clients.snapshot()
        # One whole interval: the heartbeat of every connection falls into it once.
        time.sleep(pace.ping_interval)
        end = clients.snapshot()
        later = resident_bytes(node.pid)
    memory = idle_memory(connections, before, after, later)
    try:
        return memory, idle_processor(connections, pace.ping_interval, begin, end)
    except LoadError as error:
        return memory, error


def idle_memory(connections: int, before: int, after: int, later: int) -> Sample:
    """Return the bytes that each connection added.

    Args:
        connections: How many there are.
        before: The server's resident bytes without them.
        after: The same with all of them, at rest.
        later: The same after one ping interval; for the record.
    """
    return Sample(
        0, (after - before) / connections, detail={"before": before, "after": after, "later": later}
    )


def idle_processor(connections: int, interval: float, begin: dict[str, Any], end: dict[str, Any]) -> Sample:
    """Return the processor share of idle connections, in percent of a core.

    The processor time of the window is that of one heartbeat of every connection, which by default is due
    once in 25 s: a window at a shorter interval is scaled to that.

    Args:
        connections: How many there are.
        interval: Seconds between two heartbeats.
        begin: The generator's snapshot at the window's begin.
        end: The same at its end.

    Raises:
        LoadError: Heartbeats are missing, so that the processor's share would flatter.
    """
    seconds = end["time"] - begin["time"]
    pings = end["pings"] - begin["pings"]
    due = connections * seconds / interval
    if pings < due * (1 - LATE_PINGS):
        raise LoadError(f"{pings:,} heartbeats in {seconds:.1f} s, {due:,.0f} were due")
    used = end["server_cpu_seconds"] - begin["server_cpu_seconds"]
    share = used / pings * connections / DEFAULT_INTERVAL
    return Sample(0, 100 * share, detail={"pings": pings, "seconds": seconds, "cpu_seconds": used})
