"""What the supervisor tells of all workers: their metrics, merged, and whether they are ready."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from rtserver.service.monitoring.families import Families, Family
from rtserver.service.workers.control import Measure, Measured

__all__ = ["Asked", "Overview"]

PATIENCE: Final = 2.0
"""Seconds that workers have to answer. What doesn't come is left out: a scrape has to end."""


class Asked(NamedTuple):
    """A worker that can be asked."""

    slot: int
    """Its number, which the one that replaces it has, too."""
    is_draining: bool
    """Whether it closes its clients, and serves nobody else."""
    ask: Callable[[Measure], None]
    """Sends it a message."""


class Overview:
    """Asks the workers. It implements `rtserver.service.monitoring.endpoints.Source`.

    Args:
        workers: Returns the workers that serve or drain, by their names.
    """

    def __init__(self, workers: Callable[[], Mapping[str, Asked]]) -> None:
        self._workers = workers
        self._troubles: dict[str, list[str]] = {}
        self._asked: dict[str, asyncio.Future[list[Family]]] = {}
        self._started = 0
        self.is_stopping = False
        """Whether the service ends."""

    def started(self) -> None:
        """Count a worker's process."""
        self._started += 1

    def heard(self, name: str, troubles: list[str]) -> None:
        """Take note of why a worker isn't ready; nothing if it is."""
        self._troubles[name] = troubles

    def gone(self, name: str) -> None:
        """Forget a worker."""
        self._troubles.pop(name, None)
        asked = self._asked.pop(name, None)
        if asked is not None:
            asked.cancel()

    def measured(self, name: str, message: Measured) -> None:
        """Take a worker's metrics."""
        asked = self._asked.pop(name, None)
        if asked is not None and not asked.done():
            asked.set_result([Family.from_data(each) for each in message.families])

    async def problems(self) -> list[str]:
        """Return why the service isn't ready: it ends, or no worker is. One that is will do."""
        if self.is_stopping:
            return ["draining"]
        troubles: list[Any] = [self._troubles.get(name, ["it has just begun"]) for name in self._serving()]
        if not troubles:
            return ["no worker serves"]
        return [] if [] in troubles else sorted({trouble for each in troubles for trouble in each})

    async def families(self) -> Families:
        """Return the metrics of all workers that answer in time, by their numbers.

        One that drains has a label of its own, as its number is its successor's, too.
        """
        loop = asyncio.get_running_loop()
        workers = self._workers()
        for name, worker in workers.items():
            if name not in self._asked:
                self._asked[name] = loop.create_future()
                worker.ask(Measure())
        asked = {name: self._asked[name] for name in workers}
        if asked:
            await asyncio.wait(asked.values(), timeout=PATIENCE)
        answered = {
            _label(name, workers[name]): future.result()
            for name, future in asked.items()
            if future.done() and not future.cancelled()
        }
        own = [
            Family.of("rtserver_workers", "gauge", "Workers that serve.", len(self._serving())),
            Family.of("rtserver_workers_started", "counter", "Processes of workers.", self._started),
        ]
        return Families.merged(answered, own)

    def _serving(self) -> list[str]:
        return [name for name, worker in self._workers().items() if not worker.is_draining]


def _label(name: str, worker: Asked) -> str:
    return f"{worker.slot}-{name}" if worker.is_draining else str(worker.slot)
