"""Which worker gets the next connection: one of those that have the fewest."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

__all__ = ["Balance"]

Worker = TypeVar("Worker")


class _Load:
    """What is known of one worker.

    Attributes:
        connections: How many it had when it last counted.
        taken: How many it had been given by then, as it says itself.
        given: How many it has been given by now.
    """

    __slots__ = ("connections", "given", "taken")

    def __init__(self) -> None:
        self.connections = self.taken = self.given = 0

    @property
    def now(self) -> int:
        return self.connections + self.given - self.taken


class Balance(Generic[Worker]):
    """The loads of the workers that take connections.

    A worker says now and then how many connections it has. What it has been given since is added, so that
    a thousand that come at once are spread evenly, too.

    Among those that have equally many, chance decides. In turn, clients that open two connections each would
    have all their sessions, which begin on the first, on one of two workers.

    Args:
        choose: Takes one of several workers.
    """

    def __init__(self, choose: Callable[[Sequence[Worker]], Worker] = random.choice) -> None:
        self._choose = choose
        self._loads: dict[Worker, _Load] = {}

    def __len__(self) -> int:
        """Return the number of workers."""
        return len(self._loads)

    def add(self, worker: Worker) -> None:
        """Let a worker take connections."""
        self._loads[worker] = _Load()

    def remove(self, worker: Worker) -> None:
        """Give a worker no further connection. Harmless if it doesn't take any."""
        self._loads.pop(worker, None)

    def report(self, worker: Worker, connections: int, taken: int) -> None:
        """Learn what a worker says of itself."""
        load = self._loads.get(worker)
        if load is not None:
            load.connections = connections
            load.taken = taken

    def gave(self, worker: Worker) -> None:
        """Count a connection that a worker has been given."""
        self._loads[worker].given += 1

    def least(self) -> Worker | None:
        """Return one of the workers that have the fewest connections; None while there is no worker."""
        loads = {worker: load.now for worker, load in self._loads.items()}
        if not loads:
            return None
        fewest = min(loads.values())
        return self._choose([worker for worker, load in loads.items() if load == fewest])

    def order(self) -> Sequence[Worker]:
        """Return all workers, those with the fewest connections first."""
        loads = self._loads
        return sorted(loads, key=lambda worker: loads[worker].now)
