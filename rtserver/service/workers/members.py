"""The workers of a fleet: what each is made from, and where it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from rtserver.service.settings import Config

__all__ = ["NEVER", "Member", "Patience", "Plan", "State"]

NEVER: Final = float("inf")
"""A deadline that doesn't come."""


class State(Enum):
    """Where a worker is. One that has ended is no member any more."""

    STARTING = "starting"
    SERVING = "serving"
    DRAINING = "draining"
    """It closes its clients, and ends."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a worker may take, in seconds."""

    start: float
    """Until it is ready."""
    silence: float
    """Between two signs of life."""
    drain: float
    """Until it has drained, and ended."""


@dataclass(frozen=True, eq=False, slots=True)
class Plan:
    """What the operator wants: the workers of one configuration."""

    config: Config
    count: int
    patience: Patience


@dataclass(eq=False, slots=True)
class Member:
    """A worker that has been started and hasn't ended."""

    slot: int
    """From 1."""
    plan: Plan
    since: float
    """When it came into its state."""
    state: State = State.STARTING
    deadline: float = NEVER
    """When it is killed."""
