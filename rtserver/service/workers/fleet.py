"""Which workers there should be: when one is started, replaced, drained or killed. No process, no clock.

A fleet has numbered slots, each for one worker. A worker is made from a plan, and a plan is proven once a
worker of it has been ready:

- An empty slot gets a worker of the present plan. Where one has crashed, that waits: twice as long each
  time.
- When the plan is a new one, the workers of the old one are replaced, one slot after the other: the new
  worker must be ready before the old one drains, and the old one gone before the next slot has its turn.
- A plan whose first worker ends before it is ready is given up for the proven one. If there is none, the
  service can't run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rtserver.service.workers.actions import Action, Drain, GiveUp, Kill, Postpone, Reject, Start
from rtserver.service.workers.members import NEVER, Member, Plan, State

__all__ = ["Fleet"]

FIRST_DELAY: Final = 0.1
"""Seconds that a slot stays empty after its worker has crashed for the first time."""
LONGEST_DELAY: Final = 30.0
"""Seconds that it stays empty at the most."""
STABLE: Final = 60.0
"""Seconds that a worker must have served for its crash to count as the first one again."""
QUICK: Final = 3.0
"""Seconds that workers have to end when the operator doesn't want to wait."""
SUSPENDED: Final = 3.0
"""Seconds between two looks at the clock after which it was the supervisor itself that stood still."""
LONGEST_SLEEP: Final = 1.0
"""Seconds between two looks at the clock, at the most."""


@dataclass(slots=True)
class _Slot:
    """What is remembered of a slot beyond its workers."""

    failures: int = 0
    free_from: float = 0.0


class Fleet:
    """The workers that there are, and what must be done about them.

    Every method that learns of something returns what is to be done now, in order.

    Args:
        plan: What the operator wants.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._proven: Plan | None = None
        self._members: list[Member] = []
        self._slots: dict[int, _Slot] = {}
        self._is_stopping = False
        self._looked = 0.0

    @property
    def members(self) -> Sequence[Member]:
        """The workers that haven't ended."""
        return self._members

    @property
    def is_complete(self) -> bool:
        """True while every worker that there should be serves, and no other."""
        serving = [member for member in self._members if member.state is State.SERVING]
        return len(serving) == len(self._members) == self.plan.count and all(
            member.plan is self.plan for member in serving
        )

    # What happens.

    def begin(self, now: float) -> list[Action]:
        """Start the first workers, all at once."""
        self._looked = now
        return list(self._settle(now))

    def ready(self, member: Member, now: float) -> list[Action]:
        """Learn that a worker serves."""
        if member.state is not State.STARTING:
            return []
        self._enter(member, State.SERVING, now, member.plan.patience.silence)
        if member.plan is self.plan:
            self._proven = member.plan
        return list(self._settle(now))

    def heard(self, member: Member, now: float) -> None:
        """Learn that a worker lives."""
        if member.state is State.SERVING and member.deadline != NEVER:
            member.deadline = now + member.plan.patience.silence

    def leaves(self, member: Member, now: float) -> list[Action]:
        """Learn that a worker drains without having been told to: somebody has sent it a signal."""
        if member.state is State.DRAINING:
            return []
        self._enter(member, State.DRAINING, now, member.plan.patience.drain)
        return list(self._settle(now))

    def ended(self, member: Member, now: float) -> list[Action]:
        """Learn that a worker's process has ended, for whatever reason."""
        self._members.remove(member)
        if self._is_stopping or member.state is State.DRAINING:
            return list(self._settle(now))
        if member.state is State.SERVING or member.plan is self._proven:
            return [self._crashed(member, now), *self._settle(now)]
        if self._proven is None:
            return [GiveUp(member), *self.stop(now)]
        self.plan = self._proven
        return [Reject(member), *self._settle(now)]

    def reload(self, plan: Plan, now: float) -> list[Action]:
        """Go over to a new plan."""
        self.plan = plan
        return list(self._settle(now))

    def stop(self, now: float) -> list[Action]:
        """Drain all workers, and start none any more."""
        self._is_stopping = True
        return [self._drain(member, now) for member in self._members if member.state is not State.DRAINING]

    def hurry(self, now: float) -> list[Action]:
        """Drain all workers, which are killed if that takes them more than a moment."""
        self._is_stopping = True
        actions: list[Action] = []
        for member in self._members:
            actions.append(self._drain(member, now))
            member.deadline = now + QUICK
        return actions

    def look(self, now: float) -> list[Action]:
        """Look at the clock: `pause` says when."""
        self._forgive(now)
        actions: list[Action] = []
        for member in self._members:
            if member.deadline <= now:
                member.deadline = NEVER
                actions.append(Kill(member, _overdue(member)))
        return [*actions, *self._settle(now)]

    def pause(self, now: float) -> float:
        """Return the seconds until `look` has to be called."""
        dues = [member.deadline for member in self._members]
        dues += [slot.free_from for slot in self._slots.values() if slot.free_from > now]
        return max(0.0, min([due - now for due in dues] + [LONGEST_SLEEP]))

    # What follows from it.

    def _settle(self, now: float) -> Iterator[Action]:
        if self._is_stopping:
            return
        yield from self._retire(now)
        yield from self._fill(now)
        yield from self._renew(now)

    def _retire(self, now: float) -> Iterator[Action]:
        """Drain the workers that are too many, or have a successor."""
        # a plan that isn't proven takes no worker away
        count = self.plan.count if self._is_proven else max(self.plan.count, self._proven_count)
        succeeded = {
            member.slot
            for member in self._members
            if member.plan is self.plan and member.state is State.SERVING
        }
        for member in self._members:
            if member.state is State.DRAINING or (member.plan is self.plan and member.slot <= count):
                continue
            if member.slot > count or member.state is State.STARTING or member.slot in succeeded:
                yield self._drain(member, now)

    def _fill(self, now: float) -> Iterator[Action]:
        """Start a worker in each slot that has none, unless one has just crashed there."""
        for number in range(1, self.plan.count + 1):
            if self._is_busy(number) or not self._is_free(number, now):
                continue
            if self._proven is not None and not self._is_proven and self._has(State.STARTING):
                return  # a plan is tried with one worker
            yield self._start(number, now)

    def _renew(self, now: float) -> Iterator[Action]:
        """Start the successor of one worker of an old plan, when nothing else is under way."""
        if self._has(State.STARTING) or self._has(State.DRAINING):
            return
        for member in self._members:
            if member.plan is not self.plan and self._is_free(member.slot, now):
                yield self._start(member.slot, now)
                return

    @property
    def _is_proven(self) -> bool:
        return self.plan is self._proven

    @property
    def _proven_count(self) -> int:
        return 0 if self._proven is None else self._proven.count

    def _has(self, state: State) -> bool:
        return any(member.state is state for member in self._members)

    def _is_busy(self, number: int) -> bool:
        return any(member.slot == number and member.state is not State.DRAINING for member in self._members)

    def _is_free(self, number: int, now: float) -> bool:
        return number not in self._slots or self._slots[number].free_from <= now

    def _start(self, number: int, now: float) -> Start:
        member = Member(number, self.plan, now, deadline=now + self.plan.patience.start)
        self._members.append(member)
        return Start(member)

    def _drain(self, member: Member, now: float) -> Drain:
        self._enter(member, State.DRAINING, now, member.plan.patience.drain)
        return Drain(member)

    def _crashed(self, member: Member, now: float) -> Postpone:
        slot = self._slots.setdefault(member.slot, _Slot())
        if member.state is State.SERVING and now - member.since >= STABLE:
            slot.failures = 0
        delay = min(FIRST_DELAY * 2.0**slot.failures, LONGEST_DELAY)
        slot.failures = min(slot.failures + 1, 16)
        slot.free_from = now + delay
        return Postpone(member, delay)

    def _forgive(self, now: float) -> None:
        """Give everyone the time again during which the supervisor itself stood still."""
        if now - self._looked > SUSPENDED:
            for member in self._members:
                member.deadline += now - self._looked
        self._looked = now

    @staticmethod
    def _enter(member: Member, state: State, now: float, patience: float) -> None:
        member.state = state
        member.since = now
        member.deadline = now + patience


def _overdue(member: Member) -> str:
    patience = member.plan.patience
    match member.state:
        case State.STARTING:
            return f"it wasn't ready after {patience.start:g} seconds"
        case State.SERVING:
            return f"its event loop has stood still for {patience.silence:g} seconds"
        case State.DRAINING:
            return "it hadn't ended in time"
