from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from rtserver.server.delivery.duplicates import MAX_WAITING, Duplicates, DuplicateSuppression
from tests.unit.server.harness import FakeSession, Harness, manual_clock, turns

ID = "9c5b94b1-35ad-49bb-b118-8e8fc24abf80"
BY_ID = DuplicateSuppression(id_field="packet")


def counting(harness: Harness) -> list[Any]:
    """Let every "event" be answered with the number of times that its handler has run."""
    calls: list[Any] = []

    @harness.sio.on("event")
    def event(sid: str, *args: Any) -> int:
        calls.append(args)
        return len(calls)

    return calls


def joined(harness: Harness) -> FakeSession:
    session = harness.session()
    session.join()
    return session


def known(harness: Harness) -> Duplicates:
    duplicates = harness.sio._dispatch._events._duplicates
    assert duplicates is not None
    return duplicates


async def test_without_it_every_packet_is_a_new_one() -> None:
    harness = Harness()
    counting(harness)
    session = joined(harness)
    session.receive('21["event",1]', '22["event",1]')
    assert session.take() == ["431[1]", "432[2]"]


async def test_a_packet_that_equals_the_one_before_gets_the_same_answer() -> None:
    harness = Harness(duplicates=DuplicateSuppression())
    calls = counting(harness)
    session = joined(harness)
    session.receive('21["event",{"n":1}]', '22["event",{"n":1}]', '23["event",{"n":1}]')
    assert session.take() == ["431[1]", "432[1]", "433[1]"]
    assert calls == [({"n": 1},)]
    assert harness.sio.counters.duplicates == 2
    session.receive('24["event",{"n":2}]', '25["event",{"n":1}]')
    assert session.take() == ["434[2]", "435[3]"]


async def test_clients_and_namespaces_are_told_apart() -> None:
    harness = Harness(duplicates=DuplicateSuppression(), namespaces="*")
    counting(harness)
    harness.sio.on("event", lambda sid, *args: "other", namespace="/other")
    first, second = joined(harness), joined(harness)
    first.join("/other")
    first.receive('21["event"]', '2/other,1["event"]')
    second.receive('21["event"]')
    assert first.take() == ["431[1]", '43/other,1["other"]']
    assert second.take() == ["431[2]"]


async def test_an_event_that_wants_no_acknowledgment_is_never_repeated() -> None:
    harness = Harness(duplicates=DuplicateSuppression())
    calls = counting(harness)
    joined(harness).receive('2["event"]', '2["event"]')
    assert len(calls) == 2


async def test_a_repetition_waits_for_the_handler_that_still_runs() -> None:
    harness = Harness(duplicates=DuplicateSuppression())
    release = asyncio.Event()
    calls = []

    @harness.sio.event
    async def event(sid: str) -> str:
        calls.append(sid)
        await release.wait()
        return "done"

    session = joined(harness)
    session.receive('21["event"]', '22["event"]')
    await turns()
    assert session.take() == []
    release.set()
    await turns()
    assert session.take() == ['431["done"]', '432["done"]']
    assert len(calls) == 1


async def test_an_id_is_known_again_on_another_connection() -> None:
    harness = Harness(duplicates=BY_ID)
    calls = counting(harness)
    first = joined(harness)
    packet = json.dumps(["event", {"packet": ID}])
    first.receive(f"21{packet}")
    first.close()
    second = joined(harness)
    second.receive(f"21{packet}", '22["event",{"packet":"another-unique-id-1"}]')
    assert second.take() == ["431[1]", "432[2]"]
    assert len(calls) == 2


@pytest.mark.parametrize(
    "packet",
    ['["event"]', '["event",{}]', '["event",{"packet":"short"}]', '["event",{"packet":12345678901234567}]'],
)
async def test_a_packet_without_an_id_is_a_new_one(packet: str) -> None:
    harness = Harness(duplicates=BY_ID)
    counting(harness)
    session = joined(harness)
    session.receive(f"21{packet}", f"22{packet}")
    assert session.take() == ["431[1]", "432[2]"]
    assert len(known(harness)) == 0


async def test_a_packet_whose_handler_failed_may_come_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    harness = Harness(duplicates=DuplicateSuppression())
    calls = []

    @harness.sio.event
    async def at_once(sid: str) -> str:
        calls.append(sid)
        if len(calls) == 1:
            raise RuntimeError("the database is away")
        return "done"

    @harness.sio.event
    async def later(sid: str) -> str:
        await asyncio.sleep(0)
        return await at_once(sid)

    session = joined(harness)
    for name in ("at_once", "later"):
        calls.clear()
        session.receive(f'21["{name}"]')
        await turns()
        assert (session.take(), len(known(harness))) == ([], 0)
        session.receive(f'22["{name}"]')
        await turns()
        assert session.take() == ['432["done"]']
        session.receive('23["other"]')
        known(harness)._known.clear()


async def test_an_answer_stays_what_it_was() -> None:
    harness = Harness(duplicates=DuplicateSuppression())
    state = {"n": 1}
    harness.sio.on("event", lambda sid: state)
    session = joined(harness)
    session.receive('21["event"]')
    state["n"] = 2
    session.receive('22["event"]')
    assert session.take() == ['431[{"n":1}]', '432[{"n":1}]']


async def test_a_packet_is_forgotten_when_its_time_is_up() -> None:
    loop, clock = manual_clock()
    harness = Harness(clock=clock, duplicates=DuplicateSuppression(window=10), connect_timeout=None)
    counting(harness)
    first, second = joined(harness), joined(harness)
    first.receive('21["event"]')
    loop.advance(6)
    second.receive('21["event"]')
    loop.advance(5)
    assert len(known(harness)) == 1
    second.receive('22["event"]')
    first.receive('22["event"]')
    assert (first.take(), second.take()) == (["431[1]", "432[3]"], ["431[2]", "432[2]"])
    loop.advance(11)
    assert (len(known(harness)), known(harness)._bytes, len(clock)) == (0, 0, 0)


async def test_what_is_remembered_is_bounded_in_number_and_bytes() -> None:
    harness = Harness(duplicates=DuplicateSuppression(id_field="id", max_packets=3, max_bytes=100))
    harness.sio.on("event", lambda sid, data: "x" * data["size"])
    session = joined(harness)

    def send(number: int, size: int) -> None:
        session.receive(f'2{number}["event",{{"id":"unique-packet-{number:06}","size":{size}}}]')

    for number in range(10):
        send(number, 1)
        assert len(known(harness)) <= 3
    send(10, 60)
    send(11, 60)
    assert len(known(harness)) == 1
    send(12, 200)
    assert (len(known(harness)), known(harness)._bytes) == (0, 0)


@pytest.mark.parametrize("name", ["window", "max_packets", "max_bytes"])
def test_limits_are_positive(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: received 0, expected a number greater than 0"):
        DuplicateSuppression(**{name: 0})  # type: ignore[arg-type]


async def test_repetitions_that_wait_are_bounded() -> None:
    harness = Harness(duplicates=DuplicateSuppression())
    go_on = asyncio.Event()

    @harness.sio.on("event")
    async def event(sid: str) -> str:
        await go_on.wait()
        return "done"

    session = joined(harness)
    session.receive(*(f'2{ack_id}["event"]' for ack_id in range(100)))
    [receipt] = known(harness)._known.values()
    assert len(receipt._waiting) == MAX_WAITING
    go_on.set()
    await turns()
    assert session.take() == [f'43{ack_id}["done"]' for ack_id in range(100 - MAX_WAITING, 100)]
