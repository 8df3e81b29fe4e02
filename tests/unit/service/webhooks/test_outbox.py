from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from rtserver.errors import BackendError
from rtserver.service.webhooks import outbox as module
from rtserver.service.webhooks.breaker import State
from rtserver.service.webhooks.outbox import LONGEST_WISH, SENDERS, Outbox
from rtserver.service.webhooks.policy import Policy
from tests.unit.server.harness import manual_clock, turns

from .backends import DOWN, FAULT, FakeEndpoint, deliver


class Box:
    """An outbox, and the backend that it tells."""

    def __init__(self, *outcomes: Any, **policy: Any) -> None:
        self.loop, clock = manual_clock()
        self.endpoint = FakeEndpoint(*outcomes)
        self.delivery = deliver(self.endpoint, clock, **policy)
        self.counters = self.delivery.counters
        self.outbox = Outbox(self.delivery, Policy(**policy), lambda: clock)

    async def tell(self, *reasons: str) -> None:
        for reason in reasons:
            self.outbox.add(reason, orjson.dumps({"type": "disconnect", "reason": reason}))
        await turns(10)

    @property
    def told(self) -> list[Any]:
        return [each[1] for each in self.endpoint.said]


async def test_everything_is_told_in_order() -> None:
    box = Box()
    await box.tell("a", "b", "c")
    assert box.told == ["a", "b", "c"]
    assert len(set(box.endpoint.ids)) == 3
    assert (box.counters.queued, box.counters.requests["disconnect", "ok"]) == (0, 3)


async def test_more_than_there_are_senders() -> None:
    box = Box()
    box.endpoint.go_on.clear()
    names = [str(number) for number in range(3 * SENDERS)]
    await box.tell(*names)
    assert box.told == names[:SENDERS]
    assert box.counters.queued == 3 * SENDERS
    box.endpoint.go_on.set()
    await turns(20)
    assert sorted(box.told, key=int) == names
    await box.tell("once more")
    assert box.told[-1] == "once more"


async def test_what_failed_is_told_again_later_and_later() -> None:
    box = Box(FAULT, DOWN, FAULT)
    await box.tell("a")
    waited = []
    for _ in range(3):
        start, known = box.loop.now, len(box.told)
        while len(box.told) == known:
            box.loop.advance(0.05)
            await turns(10)
        waited.append(box.loop.now - start)
    for pause, wait in zip((0.5, 1.0, 2.0), waited, strict=True):
        assert 0.5 * pause <= wait <= 1.5 * pause + 0.15
    assert box.told == ["a"] * 4
    assert len(set(box.endpoint.ids)) == 1
    assert (box.counters.queued, box.counters.retries) == (0, 3)


async def test_one_that_fails_unexpectedly_ends_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    box = Box(*[UnicodeError("label too long")] * SENDERS)
    names = [str(number) for number in range(2 * SENDERS)]
    await box.tell(*names)
    assert sorted(box.told, key=int) == names
    box.loop.advance(1)
    await turns(20)
    assert sorted(box.told[2 * SENDERS :], key=int) == names[:SENDERS]
    assert (box.counters.queued, box.counters.lost) == (0, 0)
    assert caplog.messages == ["the backend can't be told of a client that has gone"] * SENDERS


async def test_others_don_t_wait_for_one_that_fails() -> None:
    box = Box(FAULT)
    await box.tell("a", "b")
    assert box.told == ["a", "b"]


@pytest.mark.parametrize(("wish", "wait"), [(60.0, 60.0), (999_999.0, LONGEST_WISH)])
async def test_it_waits_for_as_long_as_it_is_told_to(wish: float, wait: float) -> None:
    box = Box(BackendError("backend_unavailable", "received the HTTP status 503", wish))
    await box.tell("a")
    box.loop.advance(wait - 1)
    await turns(10)
    assert box.told == ["a"]
    box.loop.advance(1.1)
    await turns(10)
    assert box.told == ["a", "a"]


async def test_it_gives_up_some_day(caplog: pytest.LogCaptureFixture) -> None:
    box = Box(FAULT, FAULT, disconnect_retries=1)
    await box.tell("a")
    box.loop.advance(1)
    await turns(10)
    assert (box.counters.queued, box.counters.lost) == (0, 1)
    assert box.counters.requests["disconnect", "backend_failed"] == 1
    assert "the backend isn't told of a client that has gone: backend_failed" in caplog.text


async def test_the_oldest_gives_way(caplog: pytest.LogCaptureFixture) -> None:
    box = Box(max_disconnects=2 * SENDERS)
    box.endpoint.go_on.clear()
    await box.tell(*(str(number) for number in range(2 * SENDERS)))
    await box.tell("new")
    assert (box.counters.queued, box.counters.lost) == (2 * SENDERS, 1)
    box.endpoint.go_on.set()
    await turns(20)
    assert str(SENDERS) not in box.told  # the oldest that wasn't under way
    assert len(box.told) == 2 * SENDERS
    assert f"{2 * SENDERS} wait, the most that may" in caplog.text


async def test_one_that_waits_for_its_next_try_gives_way_too() -> None:
    box = Box(FAULT, max_disconnects=1)
    await box.tell("a")
    await box.tell("b")
    box.loop.advance(10)
    await turns(10)
    assert box.told == ["a", "b"]
    assert (box.counters.queued, box.counters.lost) == (0, 1)


async def test_what_is_under_way_doesn_t() -> None:
    box = Box(max_disconnects=1)
    box.endpoint.go_on.clear()
    await box.tell("a")
    await box.tell("b")
    box.endpoint.go_on.set()
    await turns(10)
    assert (box.told, box.counters.lost, box.counters.queued) == (["a", "b"], 0, 0)


async def test_it_waits_while_the_backend_is_let_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PEEK", 0.0)
    box = Box(*[DOWN] * 3, disconnect_retries=1)
    await box.tell("a", "b", "c", "d")
    assert box.delivery.breaker.state is State.OPEN
    assert len(box.told) == 3
    for _ in range(2):
        box.loop.advance(5)
        await turns(20)
    assert box.counters.lost == 0  # what isn't sent doesn't count as a try
    assert sorted(set(box.told)) == ["a", "b", "c", "d"]
    assert box.counters.queued == 0
    await box.outbox.close(1)


async def test_what_isn_t_true_any_more_isn_t_told() -> None:
    box = Box(FAULT, FAULT)
    await box.tell("waits for its next try")
    box.endpoint.go_on.clear()
    names = [str(number) for number in range(SENDERS + 1)]
    await box.tell(*names)
    for name in ("waits for its next try", names[0], names[-1]):
        assert box.outbox.withdraw(name)
    assert not box.outbox.withdraw("unknown")
    assert box.counters.queued == SENDERS
    box.endpoint.go_on.set()
    await turns(20)
    box.loop.advance(60)
    await turns(20)
    assert sorted(box.told) == sorted(["waits for its next try", *names[:-1]])
    assert (box.counters.queued, box.counters.lost) == (0, 0)


async def test_what_is_told_anew_is_told() -> None:
    box = Box()
    box.endpoint.go_on.clear()
    await box.tell("a")
    box.outbox.withdraw("a")
    await box.tell("a")
    box.endpoint.go_on.set()
    await turns(10)
    assert box.told == ["a", "a"]
    assert box.counters.queued == 0


# The end.


async def test_everything_is_told_before_the_end() -> None:
    box = Box()
    box.endpoint.go_on.clear()
    await box.tell("a", "b")
    closing = asyncio.create_task(box.outbox.close(60))
    await turns()
    assert not closing.done()
    box.endpoint.go_on.set()
    await closing
    assert box.counters.lost == 0


async def test_as_far_as_there_is_time(caplog: pytest.LogCaptureFixture) -> None:
    box = Box(FAULT)
    await box.tell("a")
    box.endpoint.go_on.clear()
    await box.tell("b")
    await box.outbox.close(0.01)
    assert box.counters.lost == 2
    assert "the backend wasn't told of 2 clients that have gone" in caplog.text
    box.loop.advance(60)
    await turns(10)
    assert box.told == ["a", "b"]


async def test_a_dead_backend_isn_t_waited_for() -> None:
    box = Box(*[DOWN] * 3)
    await box.tell("a", "b", "c")
    async with asyncio.timeout(20):
        await box.outbox.close(3600)
    assert box.counters.lost == 3


async def test_nothing_to_tell() -> None:
    await Box().outbox.close(3600)
