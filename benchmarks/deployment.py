"""How many processes serve in a scenario, and what joins them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

__all__ = ["ALONE", "Deployment", "Group", "Mode"]

Mode = Literal["pubsub", "sharded", "sharded-static", "streams"]
"""What joins the servers of a cluster, over Redis. In sharded mode rooms have channels of their own."""


class Group(Enum):
    """Who is compared: a peer takes part in some of these."""

    SERVERS = "servers"
    """One server of each peer."""
    CLUSTERS = "clusters"
    """Servers of one peer that a Redis joins."""
    WORKERS = "workers"
    """Processes of ours behind one port, and one process alone."""
    GUARDED = "guarded"
    """Ours with tokens, limits and metrics, and without."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """How a peer is started.

    Args:
        group: Who takes part.
        nodes: How many servers, each on a port of its own.
        mode: What joins them; None for nothing.
        workers: How many processes behind one port, for the peer that has them.
        quota: The share of a core that each of these processes has; None for no limit.
        guarded: Whether tokens are asked for, events limited and metrics kept, by the peer that can.
    """

    group: Group = Group.SERVERS
    nodes: int = 1
    mode: Mode | None = None
    workers: int = 1
    quota: float | None = None
    guarded: bool = False


ALONE = Deployment()
"""One server, which nothing is joined to."""
