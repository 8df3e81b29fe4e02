"""The manager of a server whose application has chosen none."""

from __future__ import annotations

from rtserver.cluster.clustered import ClusterManager
from rtserver.cluster.memory import MemoryManager
from rtserver.cluster.workers.manager import WorkerManager
from rtserver.cluster.workers.place import Place

__all__ = ["default_manager", "set_place"]

_place: Place | None = None


def set_place(place: Place | None) -> None:
    """Say where this process is among the workers; None if it serves alone.

    That belongs to the process: an application that makes its `Server` itself knows nothing of workers, and
    has to be joined to the others all the same.
    """
    global _place  # noqa: PLW0603
    _place = place


def default_manager() -> MemoryManager | ClusterManager:
    """Make the manager of a server."""
    return MemoryManager() if _place is None else WorkerManager(_place)
