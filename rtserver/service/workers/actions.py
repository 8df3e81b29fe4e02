"""What a fleet wants to be done about its workers."""

from __future__ import annotations

from dataclasses import dataclass

from rtserver.service.workers.members import Member

__all__ = ["Action", "Drain", "GiveUp", "Kill", "Postpone", "Reject", "Start"]


@dataclass(frozen=True, slots=True)
class Start:
    """Start the process of a member."""

    member: Member


@dataclass(frozen=True, slots=True)
class Drain:
    """Let a member drain. It gets no further connections."""

    member: Member


@dataclass(frozen=True, slots=True)
class Kill:
    """Kill the process of a member."""

    member: Member
    reason: str


@dataclass(frozen=True, slots=True)
class Postpone:
    """A member has crashed, and its slot stays empty for some seconds."""

    member: Member
    seconds: float


@dataclass(frozen=True, slots=True)
class Reject:
    """The new plan is given up: this member of it ended before it was ready. The old one holds."""

    member: Member


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The service can't run: this member ended before it was ready, and no worker ever was."""

    member: Member


Action = Start | Drain | Kill | Postpone | Reject | GiveUp
