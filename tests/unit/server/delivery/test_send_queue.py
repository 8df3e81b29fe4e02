"""What a slow client is sent, in the end, in namespaces that have a policy for it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from rtserver.server.delivery.send_queue import OVERHEAD
from rtserver.server.delivery.slow_clients import Drop, SlowClientPolicy, policies
from rtserver.server.target import PLAIN, Flags, Target
from tests.unit.server.harness import FakeSession, Harness, turns

EVERYONE = Target("/")
VOLATILE = Flags(volatile=True)
LIMIT = 20_000


class Slow:
    """A server with a policy, and one client of it that is slow at first.

    Args:
        policy: The policy of all namespaces.
    """

    def __init__(self, policy: Any, **settings: Any) -> None:
        self.drops: list[tuple[str, Drop]] = []
        self.harness = Harness(
            slow_clients=policies(policy), max_held=LIMIT, on_drop=self._dropped, **settings
        )
        self.sio = self.harness.sio
        self.counters = self.sio.counters
        self.session = self.harness.session()
        self.sid = self.session.join()
        self.session.congested = True
        self.session.writable = False

    def _dropped(self, sid: str, namespace: str, event: str, reason: Drop) -> None:
        assert (sid, namespace) == (self.sid, "/")
        self.drops.append((event, reason))

    def emit(self, *args: Any, flags: Flags = PLAIN) -> None:
        self.sio._local.emit(EVERYONE, list(args), flags)

    def drain(self) -> list[str | bytes]:
        """Let the client catch up, and return what it received."""
        self.session.congested = False
        self.session.writable = True
        self.session.handler.drain(self.session)
        assert self.counters.queued_bytes == 0
        return self.session.take()


def events(*numbers: Any) -> list[str]:
    return [f'42["e",{number}]' for number in numbers]


POLICIES = ["drop_oldest_volatile", "conflate"]


@pytest.mark.parametrize("policy", POLICIES)
class TestReliable:
    async def test_a_fast_client_notices_nothing(self, policy: str) -> None:
        slow = Slow(policy)
        slow.drain()
        slow.emit("e", 1)
        slow.emit("e", 2, flags=Flags(key="k"))
        slow.emit("e", 3, flags=VOLATILE)
        assert slow.session.take() == events(1, 2, 3)
        assert slow.drops == []

    async def test_they_wait_in_order(self, policy: str) -> None:
        slow = Slow(policy)
        for number in range(5):
            slow.emit("e", number)
        assert slow.session.take() == []
        assert slow.counters.queued_bytes == 5 * (len('42["e",0]') + OVERHEAD)
        assert slow.drain() == events(0, 1, 2, 3, 4)
        slow.emit("e", 5)
        assert slow.session.take() == events(5)

    async def test_with_acknowledgments_and_binary(self, policy: str) -> None:
        slow = Slow(policy)
        slow.sio.on("question", lambda sid: "answer")
        answers: list[Any] = []
        slow.emit("e", 0)
        await slow.sio.emit("e", 1, to=slow.sid, callback=answers.append)
        slow.session.receive('27["question"]')
        slow.emit("e", b"\x01")
        assert slow.session.take() == []
        assert slow.drain() == [
            '42["e",0]',
            '421["e",1]',
            '437["answer"]',
            '451-["e",{"_placeholder":true,"num":0}]',
            b"\x01",
        ]
        slow.session.receive("31[9]")
        assert answers == [9]

    async def test_only_as_much_is_sent_as_is_taken(self, policy: str) -> None:
        slow = Slow(policy)
        for number in range(4):
            slow.emit("e", number)

        def take_two() -> None:
            slow.session.congested = len(slow.session.sent) >= 2

        slow.session.on_send = take_two
        slow.session.congested = False
        slow.session.handler.drain(slow.session)
        assert slow.session.take() == events(0, 1)
        slow.emit("e", 4)
        slow.session.on_send = None
        assert slow.drain() == events(2, 3, 4)

    async def test_too_many_disconnect(self, policy: str, caplog: pytest.LogCaptureFixture) -> None:
        slow = Slow(policy)
        reasons: list[str] = []
        slow.sio.on("disconnect", lambda sid, reason: reasons.append(reason))
        size = len('42["e",0]') + OVERHEAD
        for _ in range(LIMIT // size):
            slow.emit("e", 0)
        assert slow.session.is_open
        assert slow.counters.queued_bytes > LIMIT - size
        with caplog.at_level(logging.WARNING):
            slow.emit("e", 0)
        assert slow.session.closed_for == "slow client"
        assert reasons == ["slow client"]
        assert slow.counters.slow_clients == 1
        assert slow.counters.queued_bytes == 0
        assert slow.sid in caplog.text
        assert f"the limit is {LIMIT}" in caplog.text

    async def test_what_the_session_holds_counts(self, policy: str) -> None:
        slow = Slow(policy)
        slow.session.buffered = LIMIT - OVERHEAD
        slow.emit("e", 0)
        assert slow.session.closed_for == "slow client"

    async def test_all_namespaces_count_together_and_all_get_their_turn(self, policy: str) -> None:
        slow = Slow(policy, namespaces="*")
        slow.session.congested = False
        slow.session.join("/two")
        slow.session.congested = True
        for number in range(2):
            slow.emit("e", number)
            slow.sio._local.emit(Target("/two"), ["e", number])

        def take_one() -> None:
            slow.session.congested = True

        slow.session.on_send = take_one
        for expected in ('42["e",0]', '42/two,["e",0]', '42["e",1]', '42/two,["e",1]'):
            slow.session.congested = False
            slow.session.handler.drain(slow.session)
            assert slow.session.take() == [expected]
        slow.emit("x" * (LIMIT // 2))
        slow.sio._local.emit(Target("/two"), ["x" * (LIMIT // 2)])
        assert slow.session.closed_for == "slow client"

    async def test_what_waits_precedes_a_disconnect(self, policy: str) -> None:
        slow = Slow(policy)
        slow.emit("e", 0)
        slow.emit("e", 1, flags=Flags(key="k"))
        await slow.sio.disconnect(slow.sid)
        assert slow.session.take() == [*events(0, 1), "41"]
        slow.emit("e", 2)
        assert slow.drain() == []

    async def test_what_waits_is_forgotten_when_the_client_leaves(self, policy: str) -> None:
        slow = Slow(policy)
        slow.emit("e", 0)
        slow.emit("e", 0, flags=VOLATILE)
        slow.emit("e", 0, flags=Flags(key="k"))
        slow.session.receive("1")
        assert slow.counters.queued_bytes == 0
        assert slow.drain() == []
        assert slow.session.context.queues is None

    async def test_what_is_held_while_connecting_waits_too(self, policy: str) -> None:
        slow = Slow(policy)

        async def connect(sid: str, environ: Any) -> None:
            slow.sid = sid
            await asyncio.sleep(0)
            await slow.sio.emit("e", "held", to=sid)
            slow.sio._local.emit(Target("/", [sid]), ["e", "lost"], VOLATILE)

        slow.sio.on("connect", connect)
        slow.session = slow.harness.session()
        slow.session.congested = True
        slow.session.receive("0")
        await turns()
        assert slow.session.take() == [f'40{{"sid":"{slow.sid}"}}']
        assert slow.drops == [("e", Drop.NOT_READY)]
        assert slow.drain() == events('"held"')


class TestDropOldestVolatile:
    async def test_they_wait_among_the_others(self) -> None:
        slow = Slow("drop_oldest_volatile")
        for number in range(4):
            slow.emit("e", number, flags=VOLATILE if number % 2 else PLAIN)
        assert slow.drain() == events(0, 1, 2, 3)
        assert slow.drops == []

    async def test_the_oldest_goes_when_there_are_too_many(self) -> None:
        slow = Slow(SlowClientPolicy("drop_oldest_volatile", max_volatile=3))
        for number in range(10):
            slow.emit("e", number, flags=VOLATILE if number % 2 else PLAIN)
        assert slow.drops == [("e", Drop.QUEUE_FULL)] * 2
        assert slow.counters.drops == {"queue full": 2}
        assert slow.drain() == events(0, 2, 4, 5, 6, 7, 8, 9)

    async def test_those_that_were_sent_count_no_longer(self) -> None:
        slow = Slow(SlowClientPolicy("drop_oldest_volatile", max_volatile=2))
        for _ in range(3):
            slow.emit("e", 1, flags=VOLATILE)
            slow.emit("e", 2)
            slow.emit("e", 3, flags=VOLATILE)
            assert slow.drain() == events(1, 2, 3)
            slow.session.congested = True
        assert slow.drops == []

    async def test_they_make_room_for_a_reliable_one(self) -> None:
        slow = Slow("drop_oldest_volatile")
        size = 4000
        for number in range(4):
            slow.emit(f"e{number}", "x" * size, flags=VOLATILE)
        slow.emit("r", "x" * size * 2)
        assert slow.drops == [(f"e{number}", Drop.BUFFER_FULL) for number in range(2)]
        names = [str(packet)[3:7] for packet in slow.drain()]
        assert names == ['"e2"', '"e3"', '"r",']

    async def test_they_make_room_for_a_newer_one_but_no_reliable_one_does(self) -> None:
        slow = Slow("drop_oldest_volatile")
        slow.emit("r", "x" * (LIMIT // 2))
        slow.emit("e1", "x" * (LIMIT // 3), flags=VOLATILE)
        slow.emit("e2", "x" * (LIMIT // 3), flags=VOLATILE)
        slow.emit("e3", "x" * LIMIT, flags=VOLATILE)
        assert slow.drops == [(name, Drop.BUFFER_FULL) for name in ("e1", "e2", "e3")]
        assert len(slow.drain()) == 1
        assert slow.session.is_open

    async def test_a_key_means_nothing(self) -> None:
        slow = Slow("drop_oldest_volatile")
        for number in range(3):
            slow.emit("e", number, flags=Flags(key="k"))
        assert slow.drain() == events(0, 1, 2)


class TestConflate:
    async def test_only_the_newest_of_a_key_waits(self) -> None:
        slow = Slow("conflate")
        for number in range(10):
            slow.emit("e", number, flags=Flags(key=f"{number % 2}"))
        assert slow.drops == [("e", Drop.CONFLATED)] * 8
        assert slow.counters.drops == {"conflated": 8}
        assert slow.counters.queued_bytes == 2 * (len('42["e",0]') + OVERHEAD)
        assert slow.drain() == events(8, 9)
        slow.session.congested = True
        slow.emit("e", 10, flags=Flags(key="0"))
        assert slow.drain() == events(10)
        assert len(slow.drops) == 8

    async def test_a_key_that_changes_all_the_time_keeps_its_turn(self) -> None:
        slow = Slow("conflate")
        for number, key in enumerate("abacaba"):
            slow.emit("e", number, flags=Flags(key=key))
        assert slow.drain() == events(6, 5, 3)

    async def test_nothing_overtakes_a_reliable_event(self) -> None:
        slow = Slow("conflate")
        slow.emit("e", 1, flags=Flags(key="k"))
        slow.emit("e", 2)
        slow.emit("e", 3, flags=Flags(key="k"))
        slow.emit("e", 4, flags=Flags(key="k"))
        assert slow.drain() == events(2, 4)
        assert len(slow.drops) == 2

    async def test_the_namespaces_own_keys(self) -> None:
        slow = Slow(SlowClientPolicy("conflate", events=["e"]))
        for number in range(3):
            slow.emit("e", number)
            slow.emit("f", number)
        assert slow.drain() == ['42["f",0]', '42["f",1]', '42["e",2]', '42["f",2]']

    async def test_an_event_that_wants_an_acknowledgment_is_reliable(self) -> None:
        slow = Slow(SlowClientPolicy("conflate", events=["e"]))
        await slow.sio.emit("e", 1, callback=print)
        slow.sio._local.ask(EVERYONE, ["e", 2], Flags(key="k"))
        slow.emit("e", 3)
        assert slow.drain() == ['421["e",1]', '422["e",2]', '42["e",3]']

    async def test_a_volatile_event_with_a_key_waits_and_one_without_does_not(self) -> None:
        slow = Slow("conflate")
        slow.emit("lost", flags=VOLATILE)
        slow.emit("e", 1, flags=Flags(volatile=True, key="k"))
        slow.emit("e", 2, flags=Flags(volatile=True, key="k"))
        assert slow.drops == [("lost", Drop.NOT_READY), ("e", Drop.CONFLATED)]
        assert slow.drain() == events(2)
        slow.session.writable = False
        slow.emit("lost", flags=VOLATILE)
        assert slow.session.take() == []

    async def test_too_many_keys_disconnect(self) -> None:
        slow = Slow("conflate")
        number = 0
        while slow.session.is_open:
            slow.emit("e", number, flags=Flags(key=str(number)))
            number += 1
            assert slow.counters.queued_bytes <= LIMIT
        assert number > LIMIT / (OVERHEAD + 20)
        assert slow.session.closed_for == "slow client"

    async def test_a_newest_that_is_too_large_disconnects(self) -> None:
        slow = Slow("conflate")
        slow.emit("e", 1, flags=Flags(key="k"))
        slow.emit("e", "x" * LIMIT, flags=Flags(key="k"))
        assert slow.session.closed_for == "slow client"
        assert slow.counters.queued_bytes == 0


async def test_a_default_namespace_sends_straight_to_the_session() -> None:
    slow = Slow("disconnect")
    socket = slow.sio._hub.find("/", slow.sid)
    assert socket is not None
    assert socket.recipient is slow.session
    assert socket.namespace.plain
    slow.emit("e", 1, flags=VOLATILE)
    assert slow.drops == [("e", Drop.NOT_READY)]


async def test_an_on_drop_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def on_drop(*args: Any) -> None:
        raise ZeroDivisionError

    harness = Harness(on_drop=on_drop)
    session: FakeSession = harness.session()
    session.join()
    session.writable = False
    harness.sio._local.emit(EVERYONE, ["e"], VOLATILE)
    assert harness.sio.counters.drops == {"not ready": 1}
    assert "the handler of 'on_drop' failed" in caplog.text
