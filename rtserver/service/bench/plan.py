"""What a load test does, and what came of it: plain data that goes from process to process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from rtserver.service.bench.latencies import Latencies

__all__ = ["Plan", "Result"]


@dataclass(frozen=True, slots=True)
class Plan:
    """A load test, or the part of it that one process does.

    Args:
        url: Where the service is, with the path of Socket.IO.
        connections: Clients.
        emit: The event that they emit; None to be there only.
        expect: The event that the service sends to all of them for it; None to wait for acknowledgments.
        namespace: Which namespace they join.
        auth: What they send for that, as JSON; nothing if empty.
        size: Characters of the argument.
        outstanding: Events of each client that wait for their acknowledgment.
        rate: Events a second, where no acknowledgments are waited for.
        duration: Seconds that are measured.
        patience: Seconds that a connection or an answer may take.
        arrivals: Connections that are made at the same time.
        insecure: Whether any certificate will do.
        emits: Whether one client of this process emits the events that all expect.
    """

    url: str
    connections: int = 100
    emit: str | None = None
    expect: str | None = None
    namespace: str = "/"
    auth: str = ""
    size: int = 32
    outstanding: int = 1
    rate: float = 10.0
    duration: float = 10.0
    patience: float = 10.0
    arrivals: int = 50
    insecure: bool = False
    emits: bool = True


@dataclass(slots=True)
class Result:
    """What one process has seen, or all of them."""

    connected: int = 0
    """Clients that joined the namespace."""
    connecting: float = 0.0
    """Seconds until the last of them had."""
    connects: Latencies = field(default_factory=Latencies)
    """How long that took for each."""
    emitted: int = 0
    """Events that were emitted to be sent to all."""
    answers: Latencies = field(default_factory=Latencies)
    """How long acknowledgments took, or events for all."""
    errors: Counter[str] = field(default_factory=Counter)
    """What went wrong, and how often."""
    seconds: float = 0.0
    """How long was measured."""
    busy: list[float] = field(default_factory=list)
    """Of each process, how much of a processor core it used meanwhile: 1.0 is all of it."""

    @classmethod
    def merged(cls, results: Iterable[Result]) -> Result:
        """Put together what several processes have seen at the same time."""
        merged = cls()
        for each in results:
            merged.connected += each.connected
            merged.connecting = max(merged.connecting, each.connecting)
            merged.connects.add(each.connects)
            merged.emitted += each.emitted
            merged.answers.add(each.answers)
            merged.errors.update(each.errors)
            merged.seconds = max(merged.seconds, each.seconds)
            merged.busy += each.busy
        return merged
