"""Take the measurements: peers in turns, so that whatever disturbs the machine disturbs them alike."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks.deployed import Deployed, deployed
from benchmarks.deployment import ALONE
from benchmarks.elsewhere import look_at_elsewhere
from benchmarks.generator import Generator, LoadError
from benchmarks.guarded import query
from benchmarks.idle import DEFAULT_INTERVAL, look_at_idle
from benchmarks.processes import used_seconds
from benchmarks.results import Results, Sample
from benchmarks.scenarios import Kind, Pace, Scenario
from benchmarks.servers import Launch, Peer, ServerError

__all__ = ["Bench", "Progress"]


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
        if scenario.kind is Kind.ELSEWHERE:
            return self.pace.window * self.pace.rounds + self.pace.settle + 3
        return self.pace.rounds * (self.pace.window + self.pace.warmup + 0.5) + 2 * self.pace.warmup + 1.5

    def run(self, scenarios: Sequence[Scenario]) -> None:
        """Measure everything; failures are kept in the results, and the others go on."""
        progress = Progress(self.estimate(scenarios))
        for scenario in scenarios:
            if scenario.kind is Kind.RATE:
                self._rates(scenario, progress)
            else:
                self._looks(scenario, progress)

    def _rates(self, scenario: Scenario, progress: Progress) -> None:
        metric = scenario.metrics[0]
        seconds = self._seconds(scenario) / self.pace.rounds
        with ExitStack() as stack:
            alive: list[tuple[Peer, Deployed]] = []
            for peer, launch in self.peers:
                if not takes(peer, scenario):
                    continue
                try:
                    server = stack.enter_context(
                        deployed(peer, launch, self.server_core, DEFAULT_INTERVAL, scenario.deployment)
                    )
                except ServerError as error:
                    self._fail(scenario, peer, error, progress)
                else:
                    alive.append((peer, server))
                    if server.unlimited:
                        self.results.left_out["quotas of workers"] = server.unlimited
            for number in range(self.pace.rounds):
                for peer, server in list(alive):
                    try:
                        sample = self._rate(scenario, server, number)
                    except LoadError as error:
                        self._fail(scenario, peer, error, progress)
                        alive.remove((peer, server))
                        continue
                    self.results.outcome(metric.name, peer.name).samples.append(sample)
                    if "supervisor" in sample.detail:
                        share = Sample(number, sample.detail["supervisor"])
                        self.results.outcome(scenario.metrics[1].name, peer.name).samples.append(share)
                    progress.say(
                        f"{metric.label}: {peer.label}, round {number + 1} of {self.pace.rounds}:"
                        f" {sample.value:,.0f} {metric.unit}",
                        seconds,
                    )

    def _rate(self, scenario: Scenario, server: Deployed, number: int) -> Sample:
        pids, supervisor = server.pids, [server.servers[0].pid]
        before = used_seconds(supervisor), used_seconds(pids)
        measured = self.generator.run(
            scenario.mode,
            server.ports,
            pids,
            query() if scenario.deployment.guarded else "",
            warmup=self.pace.warmup * (1 if number else 3),
            duration=self.pace.window,
            **scenario.arguments,
        )
        detail = {"count": measured["count"], "seconds": measured["seconds"]}
        if server.workers:
            own, all = used_seconds(supervisor) - before[0], used_seconds(pids) - before[1]
            detail["supervisor"] = 100 * own / all
        value = measured["rate"]
        if server.unlimited:
            # Without quotas they share one core: what they do in a second of it, times the cores they'd have.
            value *= max(len(server.workers), 1) / measured["server_cpu"]
        # Processes that share a core wait for each other. That is no disturbance; nor is waiting for a quota.
        alone = scenario.deployment == ALONE
        return Sample(
            number,
            value,
            server_cpu=measured["server_cpu"],
            generator_busy=measured["generator_busy"],
            waited=min(
                max(measured["server_waited"] * alone, measured["generator_waited"]), 1.0
            ),  # threads add up
            detail=detail,
        )

    def _looks(self, scenario: Scenario, progress: Progress) -> None:
        idle = scenario.kind is Kind.IDLE
        look = look_at_idle if idle else look_at_elsewhere
        interval = self.pace.ping_interval if idle else DEFAULT_INTERVAL
        for peer, launch in self.peers:
            if not takes(peer, scenario):
                continue
            try:
                with deployed(peer, launch, self.server_core, interval, scenario.deployment) as server:
                    found = look(scenario, server, self.generator, self.pace)
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

    def _fail(self, scenario: Scenario, peer: Peer, error: Exception, progress: Progress) -> None:
        for metric in scenario.metrics:
            self.results.outcome(metric.name, peer.name).error = str(error)
        progress.say(f"{scenario.name}: {peer.label} FAILED: {error}", self._seconds(scenario))


def takes(peer: Peer, scenario: Scenario) -> bool:
    """Return whether a peer takes part in a scenario, and speaks what that needs."""
    return scenario.deployment.group in peer.groups and scenario.mode not in peer.omits
