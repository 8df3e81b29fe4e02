"""The command: `python -m benchmarks`."""

from __future__ import annotations

import argparse
import dataclasses
import fcntl
import json
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.generator import BUILD, BuildError, Generator
from benchmarks.plot import drawing
from benchmarks.processes import raise_file_limit, stopped_by_signals
from benchmarks.results import Results, ratio
from benchmarks.rounds import Bench
from benchmarks.scenarios import FULL, METRICS, QUICK, SCENARIOS, Pace, Scenario
from benchmarks.servers import OURS, PEERS, Launch, Peer, Unavailable
from benchmarks.table import disturbed, figures_table, goals_reached, per_core_table, ratios_table

__all__ = ["main"]

RESULTS = Path(__file__).parent / "results"
OPEN_FILES = 12_000
"""The idle scenario's connections, and room beside them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns 0, or 1 when a run failed, or 2 when it can't run at all."""
    options = parse(arguments)
    try:
        with stopped_by_signals(), alone():
            return measure(options)
    except (BuildError, BlockingIOError, OSError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("benchmarks: interrupted; everything that it started is stopped", file=sys.stderr)
        return 130


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure rtserver against other Socket.IO servers."
    )
    parser.add_argument("--quick", action="store_true", help="shorter and rougher: about five minutes")
    parser.add_argument(
        "--scenario",
        nargs="+",
        choices=[scenario.name for scenario in SCENARIOS],
        metavar="NAME",
        help="only these: " + ", ".join(scenario.name for scenario in SCENARIOS),
    )
    parser.add_argument(
        "--peers",
        nargs="+",
        choices=[peer.name for peer in PEERS],
        metavar="NAME",
        help="only these: " + ", ".join(peer.name for peer in PEERS),
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="measure every peer N times per scenario")
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", default=RESULTS, help="where results are saved"
    )
    return parser.parse_args(arguments)


@contextmanager
def alone() -> Iterator[None]:
    """Let only one benchmark run on this machine's checkout: two would measure each other."""
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(
                "another benchmark runs in this checkout; two would measure each other"
            ) from None
        yield


def measure(options: argparse.Namespace) -> int:
    """Run what the options ask for, print the tables, save results and plot."""
    scenarios = [
        scenario for scenario in SCENARIOS if not options.scenario or scenario.name in options.scenario
    ]
    pace = QUICK if options.quick else FULL
    if options.rounds is not None:
        pace = dataclasses.replace(pace, rounds=max(options.rounds, 1))
    cores = sorted(os.sched_getaffinity(0))
    server_core, generator_core = cores[0], cores[-1]
    generator = Generator(generator_core, spin=generator_core != server_core)
    results = Results()
    names = options.peers or [peer.name for peer in PEERS if not (options.quick and peer.only_full)]
    peers = choose_peers(names, results)
    raise_file_limit(OPEN_FILES)
    results.about = about(peers, pace, scenarios, server_core, generator_core)
    if server_core == generator_core:
        print("benchmarks: one core only; server and generator share it", file=sys.stderr)

    began = time.monotonic()
    Bench(peers, pace, server_core, generator, results).run(scenarios)
    results.about["seconds"] = round(time.monotonic() - began, 1)

    shown = [peer for peer, _ in peers]
    print(report(results, shown, pace))
    save(results, shown, options.output, "quick" if options.quick else "full")
    return 1 if results.errors else 0


def choose_peers(names: Sequence[str], results: Results) -> list[tuple[Peer, Launch]]:
    """Find the peers; those that can't run are left out by name."""
    found = []
    for peer in PEERS:
        if peer.name not in names:
            continue
        try:
            found.append((peer, peer.find()))
        except Unavailable as reason:
            results.left_out[peer.name] = str(reason)
            print(f"benchmarks: left out: {peer.label}: {reason}", file=sys.stderr)
    return found


def about(
    peers: Sequence[tuple[Peer, Launch]],
    pace: Pace,
    scenarios: Sequence[Scenario],
    server_core: int,
    generator_core: int,
) -> dict[str, Any]:
    """Describe the machine, the versions and the settings."""
    models = [
        line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")
    ]
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "processor": models[0].partition(":")[2].strip() if models else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "server_core": server_core,
        "generator_core": generator_core,
        "pace": dataclasses.asdict(pace),
        "versions": {peer.name: launch.version for peer, launch in peers},
        "scenarios": {scenario.name: scenario.arguments for scenario in scenarios},
    }


def report(results: Results, peers: Sequence[Peer], pace: Pace) -> str:
    """Return all that is printed at the end."""
    parts = [figures_table(results, METRICS, peers), ""]
    if any(peer.name == OURS for peer in peers) and len(peers) > 1:
        parts += [
            "Above 1: rtserver is better. Medians over the rounds, [lowest to highest].",
            ratios_table(results, METRICS, peers),
            "",
            "Goals: {} reached, {} missed, {} not measured.".format(*goals_reached(results, METRICS)),
        ]
        if disturbed(results):
            parts += [
                "",
                "Other work disturbed the figures marked so. The same ratios per second of the server's"
                " processor time, which it disturbs less:",
                per_core_table(results, METRICS, peers),
            ]
    if pace.ping_interval != FULL.ping_interval and "idle-processor" in results.outcomes:
        parts.append(
            f"Heartbeats were measured at an interval of {pace.ping_interval:g} s and scaled to"
            f" {FULL.ping_interval:g} s; the full run measures at {FULL.ping_interval:g} s."
        )
    parts += [f"Left out: {name}: {reason}" for name, reason in results.left_out.items()]
    parts += [f"FAILED: {metric}, {peer}: {reason}" for metric, peer, reason in results.errors]
    return "\n".join(parts)


def save(results: Results, peers: Sequence[Peer], folder: Path, name: str) -> None:
    """Write everything as JSON, and the plot beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    by_name = {metric.name: metric for metric in METRICS}
    record = {
        "about": results.about,
        "left_out": results.left_out,
        "metrics": {
            metric: {
                "label": by_name[metric].label,
                "unit": by_name[metric].unit,
                "goals": [dataclasses.asdict(goal) for goal in by_name[metric].goals],
                "peers": {
                    peer: {
                        "median": outcome.value,
                        "error": outcome.error,
                        "ratio": ratio_record(results, metric, peer),
                        "samples": [dataclasses.asdict(sample) for sample in outcome.samples],
                    }
                    for peer, outcome in outcomes.items()
                },
            }
            for metric, outcomes in results.outcomes.items()
        },
    }
    path = folder / f"{name}.json"
    unfinished = path.with_suffix(".json.tmp")
    unfinished.write_text(json.dumps(record, indent=1) + "\n")
    unfinished.replace(path)
    plot = path.with_suffix(".svg")
    plot.write_text(drawing(record["metrics"]))
    print(f"Saved: {path}, {plot}")


def ratio_record(results: Results, metric: str, peer: str) -> dict[str, Any] | None:
    """Return our ratio to a peer for the record."""
    if peer == OURS:
        return None
    outcomes = results.outcomes[metric]
    found = ratio(next(one for one in METRICS if one.name == metric), outcomes.get(OURS), outcomes.get(peer))
    return dataclasses.asdict(found) if found is not None else None
