from __future__ import annotations

import asyncio
import logging

import pytest

from rtserver.errors import BackendError
from rtserver.service.webhooks import delivery as module
from rtserver.service.webhooks.breaker import State
from rtserver.service.webhooks.delivery import LOG_INTERVAL
from tests.unit.server.harness import manual_clock, turns

from .backends import DOWN, FAULT, LOST, FakeEndpoint, deliver

TIMEOUT = BackendError("backend_timeout", "no answer within 5 s")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.0)


async def test_a_request_is_signed() -> None:
    endpoint = FakeEndpoint({"a": 1})
    delivery = deliver(endpoint, manual_clock()[1])
    assert await delivery.ask(b"{}") == b'{"a":1}'
    ((headers, _),) = endpoint.requests
    assert set(headers) == {"webhook-id", "webhook-timestamp", "webhook-signature"}
    assert headers["webhook-id"].startswith("msg_")
    assert endpoint.timeouts == [5.0]
    assert delivery.counters.running == 0
    assert sum(delivery.counters.seconds.buckets) == 1


async def test_what_wasn_t_taken_is_sent_again_with_the_same_id() -> None:
    endpoint = FakeEndpoint(DOWN, DOWN, {"a": 1})
    delivery = deliver(endpoint, manual_clock()[1], retries=2)
    assert await delivery.ask(b"{}") == b'{"a":1}'
    assert len(endpoint.ids) == 3
    assert len(set(endpoint.ids)) == 1
    assert delivery.counters.retries == 2
    await delivery.ask(b"{}")
    assert len(set(endpoint.ids)) == 2


@pytest.mark.parametrize("error", [LOST, TIMEOUT, FAULT])
async def test_what_may_have_been_taken_isn_t(error: BackendError) -> None:
    endpoint = FakeEndpoint(error)
    with pytest.raises(BackendError) as caught:
        await deliver(endpoint, manual_clock()[1], retries=2).ask(b"{}")
    assert caught.value is error
    assert len(endpoint.requests) == 1


async def test_it_is_sent_again_so_often_and_no_more() -> None:
    endpoint = FakeEndpoint(DOWN, DOWN)
    with pytest.raises(BackendError) as caught:
        await deliver(endpoint, manual_clock()[1], retries=1).ask(b"{}")
    assert caught.value is DOWN
    assert len(endpoint.requests) == 2


async def test_there_has_to_be_time_for_it() -> None:
    later = BackendError("backend_unavailable", "received the HTTP status 503", 4.9)
    endpoint = FakeEndpoint(later, later)
    delivery = deliver(endpoint, manual_clock()[1], timeout=4.0)
    with pytest.raises(BackendError):
        await delivery.ask(b"{}")
    assert len(endpoint.requests) == 1


# How many at one time.


async def test_so_many_at_one_time() -> None:
    endpoint = FakeEndpoint()
    endpoint.go_on.clear()
    delivery = deliver(endpoint, manual_clock()[1], concurrency=2, max_waiting=1)
    tasks = [asyncio.create_task(delivery.ask(b"{}")) for _ in range(3)]
    await turns()
    counters = delivery.counters
    assert (len(endpoint.requests), counters.running, counters.waiting) == (2, 2, 1)
    with pytest.raises(BackendError, match="1 requests wait, the most that may") as caught:
        await delivery.ask(b"{}")
    assert (caught.value.code, caught.value.retry_after) == ("backend_busy", 0.0)
    endpoint.go_on.set()
    assert await asyncio.gather(*tasks) == [b"{}"] * 3
    assert (counters.running, counters.waiting) == (0, 0)


async def test_one_that_waits_too_long_for_its_turn() -> None:
    endpoint = FakeEndpoint()
    endpoint.go_on.clear()
    delivery = deliver(endpoint, manual_clock()[1], concurrency=1, timeout=0.05)
    first = asyncio.create_task(delivery.ask(b"{}"))
    await turns()
    with pytest.raises(BackendError, match=r"no turn within 0\.05 s: 1 requests are under way") as caught:
        await delivery.ask(b"{}")
    assert (caught.value.code, caught.value.retry_after) == ("backend_busy", 0.0)
    assert delivery.counters.waiting == 0
    endpoint.go_on.set()
    await first
    assert await delivery.ask(b"{}") == b"{}"


async def test_one_whose_turn_comes_late_isn_t_sent() -> None:
    loop, clock = manual_clock()
    endpoint = FakeEndpoint()
    endpoint.go_on.clear()
    delivery = deliver(endpoint, clock, concurrency=1, timeout=60.0)
    tasks = [asyncio.create_task(delivery.ask(b"{}")) for _ in range(3)]
    await turns()
    loop.advance(31)
    endpoint.go_on.set()
    first, *late = await asyncio.gather(*tasks, return_exceptions=True)
    assert first == b"{}"
    for error in late:
        assert isinstance(error, BackendError)
        assert (error.code, error.retry_after) == ("backend_busy", 0.0)
    assert len(endpoint.requests) == 1
    assert delivery.breaker.state is State.CLOSED
    assert await delivery.ask(b"{}") == b"{}"


async def test_what_is_only_told_waits_for_its_turn() -> None:
    endpoint = FakeEndpoint()
    endpoint.go_on.clear()
    delivery = deliver(endpoint, manual_clock()[1], concurrency=1, max_waiting=0)
    tasks = [asyncio.create_task(delivery.tell("msg_1", b"{}")) for _ in range(2)]
    await turns()
    assert endpoint.ids == ["msg_1"]
    endpoint.go_on.set()
    await asyncio.gather(*tasks)
    assert endpoint.ids == ["msg_1"] * 2


# One that is dead.


async def test_a_dead_one_is_let_alone_and_found_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    loop, clock = manual_clock()
    endpoint = FakeEndpoint(LOST, TIMEOUT, DOWN)
    delivery = deliver(endpoint, clock, retries=0)
    for _ in range(3):
        with pytest.raises(BackendError):
            await delivery.ask(b"{}")
    with pytest.raises(BackendError, match="is let alone") as caught:
        await delivery.ask(b"{}")
    assert (caught.value.code, caught.value.retry_after) == ("backend_unavailable", 0.0)
    assert len(endpoint.requests) == 3
    loop.advance(10)
    assert await delivery.ask(b"{}") == b"{}"
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "the backend doesn't answer, and is let alone for a while",
        "the backend answers again",
    ]


async def test_one_that_answers_with_errors_isn_t() -> None:
    endpoint = FakeEndpoint(*[LOST, LOST, FAULT] * 3)
    delivery = deliver(endpoint, manual_clock()[1])
    for _ in range(9):
        with pytest.raises(BackendError):
            await delivery.ask(b"{}")
    assert delivery.breaker.state is State.CLOSED


async def test_nothing_is_sent_again_to_one_that_is_let_alone() -> None:
    endpoint = FakeEndpoint(*[DOWN] * 10)
    delivery = deliver(endpoint, manual_clock()[1], retries=9)
    with pytest.raises(BackendError) as caught:
        await delivery.ask(b"{}")
    assert caught.value is DOWN
    assert len(endpoint.requests) == 3


async def test_the_one_that_looks_may_be_given_up() -> None:
    loop, clock = manual_clock()
    endpoint = FakeEndpoint(*[LOST] * 3)
    delivery = deliver(endpoint, clock)
    for _ in range(3):
        with pytest.raises(BackendError):
            await delivery.ask(b"{}")
    loop.advance(10)
    endpoint.go_on.clear()
    looking = asyncio.create_task(delivery.ask(b"{}"))
    await turns()
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    endpoint.go_on.set()
    assert await delivery.ask(b"{}") == b"{}"


# The log.


async def test_a_flood_of_failures_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    loop, clock = manual_clock()
    delivery = deliver(FakeEndpoint(), clock)
    for _ in range(5):
        delivery.failed("event of client a", FAULT, {"client": "a"})
    loop.advance(LOG_INTERVAL)
    delivery.failed("event of client b", FAULT)
    assert getattr(caplog.records[0], "client") == "a"  # noqa: B009 - a field that mypy doesn't know
    assert [record.message for record in caplog.records] == [
        "event of client a: backend_failed: received the HTTP status 500",
        "event of client b: backend_failed: received the HTTP status 500 (4 more failures were not logged)",
    ]
