"""The manager of one of several worker processes."""

from __future__ import annotations

from collections.abc import Callable

from rtserver.clock import Clock
from rtserver.cluster.clustered import ClusterManager
from rtserver.cluster.recovery.journaled import JournaledStore
from rtserver.cluster.recovery.store import ClusterStore
from rtserver.cluster.workers.bus import MAX_BUFFER, WorkerBus, WorkerBusStatus
from rtserver.cluster.workers.place import Place
from rtserver.server.counters import Counters
from rtserver.server.namespace import Room
from rtserver.server.recovery.options import ConnectionStateRecovery

__all__ = ["WorkerManager"]


class WorkerManager(ClusterManager):
    """Delivers to the clients of all workers. Where clients can recover, they survive the end of a worker.

    Args:
        place: Where this worker is.
        max_buffer: Bytes that may wait for one other worker; see `WorkerBus`.
    """

    def __init__(self, place: Place, max_buffer: int = MAX_BUFFER) -> None:
        self._workers = WorkerBus(place, max_buffer)
        super().__init__(self._workers)

    def status(self) -> WorkerBusStatus:
        """Return what has crossed the bus."""
        return self._workers.status()

    def make_store(
        self,
        options: ConnectionStateRecovery,
        unnoticed: float,
        clock: Callable[[], Clock],
        counters: Counters,
    ) -> ClusterStore:
        """Make a store that writes a journal."""
        place = self._workers.place
        return JournaledStore(place.name, place.journal, options, unnoticed, clock, counters)

    def has_clients(self, namespace: str, room: Room) -> bool:
        """Tell whether a client is in a room, or may come to it from a worker that is killed."""
        return self._shared is not None or super().has_clients(namespace, room)

    async def start(self) -> None:
        """Join the other workers.

        Raises:
            RuntimeError: Another server of this process has done that.
        """
        place = self._workers.place
        if place.bus.exists():
            raise RuntimeError(
                "a Server of this process has been joined to the other workers already:"
                " give every further one a client_manager of its own"
            )
        if isinstance(self._shared, JournaledStore):
            self._shared.begin()
        await super().start()

    async def close(self) -> None:
        """Leave the other workers.

        What is emitted from here on doesn't reach them, so that no client of this one may get it either.
        """
        if isinstance(self._shared, JournaledStore):
            self._shared.end()
        await super().close()
