"""What is measured, and what is to be reached."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from benchmarks.deployment import ALONE, Deployment, Group, Mode

__all__ = [
    "ALONE_METRICS",
    "FULL",
    "METRICS",
    "QUICK",
    "SCENARIOS",
    "Goal",
    "Kind",
    "Metric",
    "Pace",
    "Scenario",
]

PYTHON_SOCKETIO = "python-socketio"
NODE = "node"
BUN = "bun"
ONE_PROCESS = "one-process"
UNGUARDED = "unguarded"


@dataclass(frozen=True, slots=True)
class Goal:
    """What ours is to reach: against a peer, or by itself.

    Args:
        value: How many times better than `peer`; without one, the largest value allowed.
        peer: A peer's name.
    """

    value: float
    peer: str | None = None


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure of a scenario: a row of the table."""

    name: str
    label: str
    unit: str
    higher_is_better: bool
    goals: tuple[Goal, ...] = ()


class Kind(Enum):
    """How a scenario is run."""

    RATE = "rate"
    """A rate, in short rounds."""
    IDLE = "idle"
    """One long look at idle connections."""
    ELSEWHERE = "elsewhere"
    """One long look at a server of a cluster while there are events for clients of others."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One run of the load generator.

    Args:
        name: What ``--scenario`` takes.
        mode: The generator's first argument.
        arguments: The generator's other arguments, without those of the pace.
        metrics: What it measures.
        kind: How it is run.
        deployment: How many servers there are, and what joins them.
    """

    name: str
    mode: str
    arguments: dict[str, int]
    metrics: tuple[Metric, ...]
    kind: Kind = Kind.RATE
    deployment: Deployment = ALONE


@dataclass(frozen=True, slots=True)
class Pace:
    """How long everything takes. Times are in seconds.

    Args:
        rounds: Times that every peer is measured, in turns.
        warmup: Before the measured window of every round; three times that in the first.
        window: The measured window.
        ping_interval: Of the idle scenario; 25 is every server's default.
        settle: What a server has to come to rest before its memory and its heartbeats are measured.
    """

    rounds: int
    warmup: float
    window: float
    ping_interval: float
    settle: float


FULL = Pace(rounds=5, warmup=0.4, window=1.2, ping_interval=25.0, settle=3.0)
QUICK = Pace(rounds=2, warmup=0.2, window=0.6, ping_interval=8.0, settle=1.5)

ECHO_GOALS = (Goal(8, PYTHON_SOCKETIO), Goal(1.5, NODE), Goal(0.6, BUN))
CLUSTER_GOALS = (Goal(5, PYTHON_SOCKETIO), Goal(1, NODE))
WORKERS_GOALS = (Goal(1.7, ONE_PROCESS),)
GUARDED_GOALS = (Goal(0.95, UNGUARDED),)
WORKER_QUOTA = 0.4
"""Two workers with this share of one core leave a fifth of it to the supervisor and the kernel."""
FANOUT_GOALS = (Goal(7, PYTHON_SOCKETIO), Goal(1, BUN))


def rate(
    name: str,
    mode: str,
    label: str,
    unit: str,
    goals: tuple[Goal, ...],
    **arguments: int,
) -> Scenario:
    """Make a scenario whose one metric has its name."""
    return Scenario(name, mode, arguments, (Metric(name, label, unit, True, goals),))


def cluster(mode: Mode) -> Scenario:
    """Make the fan-out of a cluster: two servers, 500 clients on each, one that publishes."""
    name = f"cluster-{mode}"
    metric = Metric(name, f"fan-out, 2 servers, {mode}, 1,000 x 32 B", "deliveries/s", True, CLUSTER_GOALS)
    arguments = {"connections": 1000, "outstanding": 1, "payload": 32}
    deployment = Deployment(Group.CLUSTERS, nodes=2, mode=mode)
    return Scenario(name, "fanout", arguments, (metric,), deployment=deployment)


def workers(
    name: str, mode: str, label: str, unit: str, goals: tuple[Goal, ...] = (), **arguments: int
) -> Scenario:
    """Make a scenario of two workers and one process alone, each with its share of one core."""
    supervisor = Metric(f"supervisor-{name}", f"supervisor's share of that, {label}", "%", False)
    return Scenario(
        f"workers-{name}",
        mode,
        arguments,
        (Metric(f"workers-{name}", f"2 workers, {label}", unit, True, goals), supervisor),
        deployment=Deployment(Group.WORKERS, workers=2, quota=WORKER_QUOTA),
    )


def guarded(name: str, label: str, **arguments: int) -> Scenario:
    """Make a scenario of ours with tokens, limits and metrics, and without."""
    label = f"with tokens, limits, metrics, {label}"
    metric = Metric(f"guarded-{name}", label, "echo/s", True, GUARDED_GOALS)
    deployment = Deployment(Group.GUARDED, guarded=True)
    return Scenario(metric.name, "echo", arguments, (metric,), deployment=deployment)


def elsewhere(mode: Mode, label: str, *goals: Goal) -> Scenario:
    """Make a look at a server that has no members of the rooms which events are for."""
    name = f"elsewhere-{mode}"
    metric = Metric(name, f"{label}, 5,000 events/s for rooms elsewhere", "% of a core", False, goals)
    deployment = Deployment(Group.CLUSTERS, mode=mode)
    arguments = {"connections": 100, "rate": 5000, "rooms": 1000, "payload": 128}
    return Scenario(name, "elsewhere", arguments, (metric,), Kind.ELSEWHERE, deployment)


SCENARIOS = (
    rate(
        "echo-small",
        "echo",
        "echo with ack, 100 x 4, 32 B",
        "echo/s",
        ECHO_GOALS,
        connections=100,
        outstanding=4,
        payload=32,
    ),
    rate(
        "echo-many", "echo", "echo with ack, 200 x 1, 64 B", "echo/s", ECHO_GOALS, connections=200, payload=64
    ),
    rate(
        "echo-large",
        "echo",
        "echo with ack, 50 x 1, 16 KiB",
        "echo/s",
        ECHO_GOALS,
        connections=50,
        payload=16384,
    ),
    # One broadcast under way. With two, a server that joins what it writes to a connection in one turn of its
    # loop sends both in one write, and the ratio would measure the depth chosen here: only ours joins.
    rate(
        "fanout-1000",
        "fanout",
        "fan-out, 1,000 x 32 B",
        "deliveries/s",
        FANOUT_GOALS,
        connections=1000,
        outstanding=1,
        payload=32,
    ),
    rate(
        "fanout-3000",
        "fanout",
        "fan-out, 3,000 x 128 B",
        "deliveries/s",
        FANOUT_GOALS,
        connections=3000,
        outstanding=1,
        payload=128,
    ),
    rate(
        "polling",
        "polling",
        "polling echo, 100 x 1, 32 B",
        "echo/s",
        (Goal(1.3, PYTHON_SOCKETIO),),
        connections=100,
        payload=32,
    ),
    rate("connects", "connects", "connects, 64 at a time", "connects/s", (Goal(1, NODE),), outstanding=64),
    Scenario(
        "idle",
        "idle",
        {"connections": 10_000},
        (
            Metric("idle-memory", "memory of an idle connection (of 10,000)", "bytes", False, (Goal(4096),)),
            Metric("idle-processor", "heartbeats of 10,000 idle clients", "% of a core", False, (Goal(3),)),
        ),
        Kind.IDLE,
    ),
    cluster("pubsub"),
    cluster("sharded"),
    cluster("streams"),
    elsewhere("pubsub", "pub/sub"),
    elsewhere("sharded", "sharded, a channel for each room", Goal(5)),
    elsewhere("sharded-static", "sharded, one channel", Goal(5)),
    elsewhere("streams", "streams"),
    workers(
        "echo",
        "echo",
        "echo 100 x 4, 32 B",
        "echo/s",
        WORKERS_GOALS,
        connections=100,
        outstanding=4,
        payload=32,
    ),
    # Four broadcasts under way: with one, each worker would wait for the other, and both for the generator.
    workers(
        "fanout",
        "fanout",
        "fan-out 1,000 x 32 B, 4 under way",
        "deliveries/s",
        WORKERS_GOALS,
        connections=1000,
        outstanding=4,
        payload=32,
    ),
    workers("connects", "connects", "connects, 64 at a time", "connects/s", outstanding=64),
    guarded("small", "echo 100 x 4, 32 B", connections=100, outstanding=4, payload=32),
    guarded("many", "echo 200 x 1, 64 B", connections=200, payload=64),
)

METRICS = tuple(metric for scenario in SCENARIOS for metric in scenario.metrics)
ALONE_METRICS = tuple(
    metric for scenario in SCENARIOS if scenario.deployment == ALONE for metric in scenario.metrics
)
"""Those of one server by itself."""
