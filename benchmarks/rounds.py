"""Take the measurements: peers in turns, so that whatever disturbs the machine disturbs them alike."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from benchmarks.generator import Generator, LoadError
from benchmarks.processes import family, resident_bytes
from benchmarks.results import Results, Sample
from benchmarks.scenarios import Kind, Pace, Scenario
from benchmarks.servers import Launch, Peer, Running, ServerError, running

__all__ = ["Bench", "Progress"]

DEFAULT_INTERVAL = 25.0
"""Seconds between two heartbeats in every server's default settings."""
LATE_PINGS = 0.1
"""Share of the heartbeats due that a late server may leave outside the window."""


class Progress:
    """Tells on standard error what is done and how long the rest may take.

    Args:
        seconds: Estimate of the whole.
    """

    def __init__(self, seconds: float) -> None:
        self.began = time.monotonic()
        self.estimate = seconds
        self.planned = 0.0

    def say(self, text: str, seconds: float = 0.0) -> None:
        """Print a line; `seconds` of the estimate are done with it."""
        self.planned += seconds
        elapsed = time.monotonic() - self.began
        share = min(self.planned / self.estimate, 1.0) if self.estimate else 1.0
        # The estimate learns: what was done so far took its own time.
        left = elapsed / self.planned * (self.estimate - self.planned) if self.planned else self.estimate
        clock = f"{int(max(left, 0)) // 60}:{int(max(left, 0)) % 60:02d}"
        print(f"[{share:4.0%}, {clock} left] {text}", file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Bench:
    """Runs scenarios against peers.

    Args:
        peers: Those that take part.
        pace: How long everything takes.
        server_core: Where the servers run, all on the same one.
        generator: The load generator, on another core.
        results: Where samples and errors go.
    """

    peers: Sequence[tuple[Peer, Launch]]
    pace: Pace
    server_core: int
    generator: Generator
    results: Results

    def estimate(self, scenarios: Sequence[Scenario]) -> float:
        """Return about how many seconds `run` will take."""
        return sum(
            self._seconds(scenario)
            for scenario in scenarios
            for peer, _ in self.peers
            if takes(peer, scenario)
        )

    def _seconds(self, scenario: Scenario) -> float:
        if scenario.kind is Kind.IDLE:
            return self.pace.ping_interval + 2 * self.pace.settle + 8
        return self.pace.rounds * (self.pace.window + self.pace.warmup + 0.5) + 2 * self.pace.warmup + 1.5

    def run(self, scenarios: Sequence[Scenario]) -> None:
        """Measure everything; failures are kept in the results, and the others go on."""
        progress = Progress(self.estimate(scenarios))
        for scenario in scenarios:
            if scenario.kind is Kind.IDLE:
                self._idle(scenario, progress)
            else:
                self._rates(scenario, progress)

    def _rates(self, scenario: Scenario, progress: Progress) -> None:
        metric = scenario.metrics[0]
        seconds = self._seconds(scenario) / self.pace.rounds
        with ExitStack() as stack:
            alive: list[tuple[Peer, Running]] = []
            for peer, launch in self.peers:
                if not takes(peer, scenario):
                    continue
                try:
                    server = stack.enter_context(running(peer, launch, self.server_core, DEFAULT_INTERVAL))
                except ServerError as error:
                    self._fail(scenario, peer, error, progress)
                else:
                    alive.append((peer, server))
            for number in range(self.pace.rounds):
                for peer, server in list(alive):
                    try:
                        sample = self._rate(scenario, server, number)
                    except LoadError as error:
                        self._fail(scenario, peer, error, progress)
                        alive.remove((peer, server))
                        continue
                    self.results.outcome(metric.name, peer.name).samples.append(sample)
                    progress.say(
                        f"{metric.label}: {peer.label}, round {number + 1} of {self.pace.rounds}:"
                        f" {sample.value:,.0f} {metric.unit}",
                        seconds,
                    )

    def _rate(self, scenario: Scenario, server: Running, number: int) -> Sample:
        measured = self.generator.run(
            scenario.mode,
            server.port,
            family(server.pid),
            warmup=self.pace.warmup * (1 if number else 3),
            duration=self.pace.window,
            **scenario.arguments,
        )
        return Sample(
            number,
            measured["rate"],
            server_cpu=measured["server_cpu"],
            generator_busy=measured["generator_busy"],
            waited=min(max(measured["server_waited"], measured["generator_waited"]), 1.0),  # threads add up
            detail={"count": measured["count"], "seconds": measured["seconds"]},
        )

    def _idle(self, scenario: Scenario, progress: Progress) -> None:
        for peer, launch in self.peers:
            if not takes(peer, scenario):
                continue
            try:
                with running(peer, launch, self.server_core, self.pace.ping_interval) as server:
                    found = self._look_at_idle(scenario.arguments["connections"], server)
            except (ServerError, LoadError) as error:
                self._fail(scenario, peer, error, progress)
                continue
            texts = []
            for metric, sample in zip(scenario.metrics, found, strict=True):
                outcome = self.results.outcome(metric.name, peer.name)
                if isinstance(sample, LoadError):
                    outcome.error = str(sample)
                    texts.append(f"FAILED: {sample}")
                else:
                    outcome.samples.append(sample)
                    texts.append(f"{sample.value:,.2f} {metric.unit}")
            progress.say(f"{scenario.name}: {peer.label}: {', '.join(texts)}", self._seconds(scenario))

    def _look_at_idle(self, connections: int, server: Running) -> tuple[Sample, Sample | LoadError]:
        pids = family(server.pid)
        # Whatever a server loads or compiles with its first clients is no cost of a connection.
        self.generator.run(
            "echo", server.port, pids, connections=200, warmup=self.pace.warmup, duration=self.pace.warmup
        )
        time.sleep(self.pace.settle)
        before = resident_bytes(server.pid)
        with self.generator.idle(server.port, pids, connections) as clients:
            time.sleep(self.pace.settle)
            after = resident_bytes(server.pid)
            begin = clients.snapshot()
            # One whole interval: the heartbeat of every connection falls into it once.
            time.sleep(self.pace.ping_interval)
            end = clients.snapshot()
            later = resident_bytes(server.pid)
        memory = idle_memory(connections, before, after, later)
        try:
            return memory, idle_processor(connections, self.pace.ping_interval, begin, end)
        except LoadError as error:
            return memory, error

    def _fail(self, scenario: Scenario, peer: Peer, error: Exception, progress: Progress) -> None:
        for metric in scenario.metrics:
            self.results.outcome(metric.name, peer.name).error = str(error)
        progress.say(f"{scenario.name}: {peer.label} FAILED: {error}", self._seconds(scenario))


def takes(peer: Peer, scenario: Scenario) -> bool:
    """Return whether a peer speaks what a scenario needs."""
    return scenario.mode not in peer.omits


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
