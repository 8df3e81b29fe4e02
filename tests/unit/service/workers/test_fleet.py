from __future__ import annotations

from collections.abc import Iterable

import pytest

from rtserver.service.settings import Config
from rtserver.service.workers.actions import Action, Drain, GiveUp, Kill, Postpone, Reject, Start
from rtserver.service.workers.fleet import FIRST_DELAY, LONGEST_DELAY, QUICK, STABLE, Fleet
from rtserver.service.workers.members import Member, Patience, Plan, State

CONFIG = Config(app="chat:setup")


def plan(count: int = 2) -> Plan:
    return Plan(CONFIG, count, Patience(start=60, silence=30, drain=20))


def names(actions: Iterable[Action]) -> list[tuple[str, int]]:
    return [(type(action).__name__, action.member.slot) for action in actions]


def started(actions: Iterable[Action]) -> Member:
    (member,) = [action.member for action in actions if isinstance(action, Start)]
    return member


def serving(count: int = 2, now: float = 0.0) -> tuple[Fleet, list[Member]]:
    """Make a fleet all of whose workers serve."""
    fleet = Fleet(plan(count))
    members = [action.member for action in fleet.begin(now)]
    for member in members:
        assert fleet.ready(member, now) == []
    assert fleet.is_complete
    return fleet, members


class TestBegin:
    def test_all_are_started_at_once(self) -> None:
        fleet = Fleet(plan(3))
        assert names(fleet.begin(0)) == [("Start", 1), ("Start", 2), ("Start", 3)]
        assert not fleet.is_complete
        assert fleet.look(0.5) == []

    def test_one_that_ends_before_any_was_ready_ends_the_service(self) -> None:
        fleet = Fleet(plan(3))
        one, *others = [action.member for action in fleet.begin(0)]
        actions = fleet.ended(one, 1)
        assert isinstance(actions[0], GiveUp)
        assert names(actions) == [("GiveUp", 1), ("Drain", 2), ("Drain", 3)]
        for member in others:
            assert fleet.ended(member, 2) == []
        assert not fleet.members
        assert fleet.look(100) == []

    def test_one_that_ends_when_another_was_ready_is_tried_again(self) -> None:
        fleet = Fleet(plan(2))
        one, two = [action.member for action in fleet.begin(0)]
        fleet.ready(one, 1)
        assert names(fleet.ended(two, 1)) == [("Postpone", 2)]
        assert names(fleet.look(1 + FIRST_DELAY)) == [("Start", 2)]


class TestCrash:
    def test_it_is_started_again_after_a_moment(self) -> None:
        fleet, (one, _) = serving()
        assert fleet.ended(one, 5) == [Postpone(one, FIRST_DELAY)]
        assert not fleet.is_complete
        assert fleet.pause(5) == pytest.approx(FIRST_DELAY)
        assert fleet.look(5 + FIRST_DELAY / 2) == []
        successor = started(fleet.look(5 + FIRST_DELAY))
        assert successor.slot == 1
        fleet.ready(successor, 6)
        assert fleet.is_complete

    def test_each_delay_is_twice_the_one_before_up_to_a_limit(self) -> None:
        fleet, (member, _) = serving()
        now, delays = 0.0, []
        for _ in range(12):
            (postponed,) = fleet.ended(member, now)
            assert isinstance(postponed, Postpone)
            delays.append(postponed.seconds)
            now += postponed.seconds
            member = started(fleet.look(now))
            fleet.ready(member, now)
        assert delays[:4] == [FIRST_DELAY, 2 * FIRST_DELAY, 4 * FIRST_DELAY, 8 * FIRST_DELAY]
        assert delays[-1] == LONGEST_DELAY

    def test_that_of_another_slot_is_counted_by_itself(self) -> None:
        fleet, (one, two) = serving()
        fleet.ended(one, 0)
        assert fleet.ended(two, 0) == [Postpone(two, FIRST_DELAY)]

    def test_who_has_served_for_a_while_is_new_again(self) -> None:
        fleet, (one, _) = serving()
        fleet.ended(one, 0)
        second = started(fleet.look(1))
        fleet.ready(second, 1)
        assert fleet.ended(second, 1 + STABLE) == [Postpone(second, FIRST_DELAY)]

    def test_who_only_took_long_to_start_is_not(self) -> None:
        fleet, (one, _) = serving()
        fleet.ended(one, 0)
        second = started(fleet.look(1))
        assert fleet.ended(second, 1 + STABLE) == [Postpone(second, 2 * FIRST_DELAY)]

    def test_one_that_drains_of_its_own_accord_has_a_successor_at_once(self) -> None:
        fleet, (one, _) = serving()
        assert names(fleet.leaves(one, 1)) == [("Start", 1)]
        assert fleet.leaves(one, 1) == []
        assert fleet.ended(one, 2) == []


class TestTime:
    def test_one_that_never_is_ready_is_killed(self) -> None:
        fleet = Fleet(plan(1))
        member = started(fleet.begin(0))
        assert TestTime.kills(fleet, 60) == [(member, "it wasn't ready after 60 seconds")]

    @staticmethod
    def kills(fleet: Fleet, until: int) -> list[tuple[Member, str]]:
        """Look once a second."""
        found = []
        for now in range(1, until + 1):
            found += [(each.member, each.reason) for each in fleet.look(now) if isinstance(each, Kill)]
        return found

    def test_one_that_stands_still_is_killed_once(self) -> None:
        fleet, (one, two) = serving()
        for now in range(1, 70):
            fleet.heard(two, now)
            found = fleet.look(now)
            if found:
                assert (now, found) == (
                    30,
                    [Kill(one, "its event loop has stood still for 30 seconds")],
                )
        fleet.heard(one, 100)  # from before it was killed
        assert one.deadline > 1000

    def test_one_that_doesnt_drain_is_killed(self) -> None:
        fleet, (member,) = serving(1)
        assert fleet.stop(0) == [Drain(member)]
        assert TestTime.kills(fleet, 40) == [(member, "it hadn't ended in time")]

    def test_nobody_is_killed_when_the_supervisor_stood_still(self) -> None:
        fleet, _ = serving()
        assert fleet.look(1) == []
        assert fleet.look(1000) == []
        assert names(fleet.look(1001)) == []

    def test_when_to_look(self) -> None:
        fleet, _ = serving()
        assert fleet.pause(0) == 1
        assert fleet.pause(29.5) == 0.5
        assert fleet.pause(31) == 0


class TestReload:
    def test_one_worker_after_the_other_is_replaced(self) -> None:
        fleet, (one, two) = serving()
        first = started(fleet.reload(plan(), 10))
        assert (first.slot, one.state, two.state) == (1, State.SERVING, State.SERVING)
        assert fleet.look(11) == []
        assert fleet.ready(first, 12) == [Drain(one)]
        assert fleet.look(13) == []
        second = started(fleet.ended(one, 14))
        assert (second.slot, two.state) == (2, State.SERVING)
        assert fleet.ready(second, 15) == [Drain(two)]
        assert not fleet.is_complete
        assert fleet.ended(two, 16) == []
        assert fleet.is_complete
        assert [member.slot for member in fleet.members] == [1, 2]

    def test_a_plan_that_doesnt_work_is_given_up(self) -> None:
        fleet, old = serving()
        before = fleet.plan
        first = started(fleet.reload(plan(), 10))
        assert fleet.ended(first, 11) == [Reject(first)]
        assert fleet.plan is before
        assert list(fleet.members) == old
        assert fleet.is_complete
        assert fleet.look(12) == []

    def test_a_plan_that_has_worked_once_is_tried_again(self) -> None:
        fleet, (one, two) = serving()
        first = started(fleet.reload(plan(), 10))
        fleet.ready(first, 11)
        second = started(fleet.ended(one, 12))
        assert names(fleet.ended(second, 13)) == [("Postpone", 2)]
        assert two.state is State.SERVING
        assert started(fleet.look(13 + FIRST_DELAY)).slot == 2

    def test_more_workers(self) -> None:
        fleet, _ = serving(1)
        first = started(fleet.reload(plan(3), 10))
        assert first.slot == 2  # the plan is tried with a worker more
        assert names(fleet.ready(first, 11)) == [("Start", 3)]

    def test_fewer_workers(self) -> None:
        fleet, (one, two, three) = serving(3)
        first = started(fleet.reload(plan(1), 10))
        assert [member.state for member in (one, two, three)] == [State.SERVING] * 3
        assert fleet.ready(first, 11) == [Drain(one), Drain(two), Drain(three)]

    def test_fewer_workers_that_dont_work(self) -> None:
        fleet, old = serving(3)
        first = started(fleet.reload(plan(1), 10))
        assert names(fleet.ended(first, 11)) == [("Reject", 1)]
        assert list(fleet.members) == old

    def test_another_plan_before_the_last_one_is_through(self) -> None:
        fleet, (one, two) = serving()
        first = started(fleet.reload(plan(), 10))
        actions = fleet.reload(plan(), 11)
        assert actions[0] == Drain(first)  # it isn't ready, and nobody misses it
        second = started([*actions, *fleet.ended(first, 12)])
        fleet.ready(second, 13)
        assert (one.state, two.state) == (State.DRAINING, State.SERVING)

    def test_a_crash_of_an_old_worker_meanwhile(self) -> None:
        fleet, (one, two) = serving()
        first = started(fleet.reload(plan(), 10))
        assert names(fleet.ended(two, 11)) == [("Postpone", 2)]
        assert fleet.look(12) == []  # the plan is tried with one worker
        actions = fleet.ready(first, 13)
        assert Drain(one) in actions
        assert started(actions).slot == 2


class TestStop:
    def test_all_drain(self) -> None:
        fleet, (one, two) = serving()
        assert fleet.stop(1) == [Drain(one), Drain(two)]
        assert fleet.stop(2) == []
        assert fleet.ended(one, 2) == []
        assert fleet.ended(two, 3) == []
        assert not fleet.members

    def test_a_hurry(self) -> None:
        fleet, (one, two) = serving()
        fleet.stop(1)
        assert fleet.hurry(2) == [Drain(one), Drain(two)]
        assert fleet.look(2) == fleet.look(1 + QUICK) == []
        assert names(fleet.look(2 + QUICK)) == [("Kill", 1), ("Kill", 2)]
