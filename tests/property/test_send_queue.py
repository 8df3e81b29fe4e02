"""What waits for a slow client: whatever is sent and however it reads, the promises of each policy hold."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rtserver.server.delivery.slow_clients import SlowClientPolicy, policies
from rtserver.server.target import PLAIN, Flags, Target
from tests.unit.server.harness import Harness

LIMIT = 4000
EVERYONE = Target("/")

sizes = st.sampled_from([0, 0, 0, 300, 1500])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("reliable"), sizes),
        st.tuples(st.just("volatile"), sizes),
        st.tuples(st.sampled_from("abc"), sizes),
        st.tuples(st.just("read"), st.integers(1, 6)),
    ),
    max_size=60,
)


class Scenario:
    """A client that reads now and then, and what it has been sent."""

    def __init__(self, policy: SlowClientPolicy) -> None:
        self.harness = Harness(slow_clients=policies(policy), max_held=LIMIT)
        self.session = self.harness.session()
        self.session.join()
        self.session.congested = True
        self.session.writable = False
        self.kinds: list[str] = []
        """The kind of each event; the event's argument is its number."""

    def emit(self, kind: str, size: int) -> None:
        flags = {"reliable": PLAIN, "volatile": Flags(volatile=True)}.get(kind, Flags(key=kind))
        self.harness.sio._local.emit(EVERYONE, ["e", len(self.kinds), "x" * size], flags)
        self.kinds.append(kind)

    def read(self, count: int) -> None:
        """Let the client take so many packets."""
        session = self.session
        end = len(session.sent) + count

        def check() -> None:
            session.congested = len(session.sent) >= end

        session.on_send = check
        session.congested = False
        session.handler.drain(session)
        session.congested = True

    def received(self) -> list[int]:
        return [json.loads(str(packet)[2:])[1] for packet in self.session.sent]

    def run(self, what: list[tuple[str, int]]) -> bool:
        """Take the steps, read all that waits, and tell whether the client is connected still."""
        counters = self.harness.sio.counters
        for kind, number in what:
            if kind == "read":
                self.read(number)
            else:
                self.emit(kind, number)
            assert 0 <= counters.queued_bytes <= LIMIT
            if not self.session.is_open:
                assert counters.queued_bytes == 0
                assert counters.slow_clients == 1
                return False
        self.read(1000)
        assert counters.queued_bytes == 0
        assert len(self.received()) + sum(counters.drops.values()) == len(self.kinds)
        return True


def of_kind(scenario: Scenario, numbers: Any, kind: str) -> list[int]:
    return [number for number in numbers if scenario.kinds[number] == kind]


@given(steps, st.integers(1, 4))
def test_volatile_events_make_room_and_all_keep_their_order(
    what: list[tuple[str, int]], max_volatile: int
) -> None:
    async def test() -> None:
        scenario = Scenario(SlowClientPolicy("drop_oldest_volatile", max_volatile=max_volatile))
        if scenario.run(what):
            received = scenario.received()
            assert received == sorted(received)
            dropped = set(range(len(scenario.kinds))) - set(received)
            assert all(scenario.kinds[number] == "volatile" for number in dropped)

    asyncio.run(test())


@given(steps)
def test_the_newest_of_each_key_arrives_and_nothing_overtakes_a_reliable_event(
    what: list[tuple[str, int]],
) -> None:
    async def test() -> None:
        scenario = Scenario(SlowClientPolicy("conflate"))
        if not scenario.run(what):
            return
        received = scenario.received()
        everything = range(len(scenario.kinds))
        assert of_kind(scenario, received, "reliable") == of_kind(scenario, everything, "reliable")
        assert of_kind(scenario, received, "volatile") == []
        for key in "abc":
            of_key = of_kind(scenario, received, key)
            assert of_key == sorted(of_key)
            assert of_key[-1:] == of_kind(scenario, everything, key)[-1:]
        for index, number in enumerate(received):
            if scenario.kinds[number] == "reliable":
                assert all(earlier < number for earlier in received[:index])

    asyncio.run(test())
