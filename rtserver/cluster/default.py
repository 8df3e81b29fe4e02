"""The manager of a server whose application has chosen none."""

from __future__ import annotations

from rtserver.cluster.clustered import ClusterManager
from rtserver.cluster.memory import MemoryManager
from rtserver.cluster.workers.bus import MAX_BUFFER
from rtserver.cluster.workers.manager import WorkerManager
from rtserver.cluster.workers.place import Place

__all__ = ["default_manager", "set_place"]

_place: Place | None = None
_max_buffer = MAX_BUFFER


def set_place(place: Place | None, max_buffer: int = MAX_BUFFER) -> None:
    """Say where this process is among the workers; None if it serves alone.

    That belongs to the process: an application that makes its `Server` itself knows nothing of workers, and
    has to be joined to the others all the same.

    Args:
        place: Where it is.
        max_buffer: Bytes that may wait for one other worker.
    """
    global _place, _max_buffer
    _place, _max_buffer = place, max_buffer


def default_manager() -> MemoryManager | ClusterManager:
    """Make the manager of a server."""
    return MemoryManager() if _place is None else WorkerManager(_place, _max_buffer)
