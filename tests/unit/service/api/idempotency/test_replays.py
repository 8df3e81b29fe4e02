from __future__ import annotations

import asyncio
import logging

import pytest

from rtserver.errors import ApiError
from rtserver.service.api.idempotency import replays
from rtserver.service.api.idempotency.memory import MemoryStore
from rtserver.service.api.idempotency.record import Bounds, Outcome, Record
from rtserver.service.api.idempotency.replays import Replays

OUTCOME = Outcome(200, b"{}")


class Work:
    """What a request does: waits for a test, then what it says."""

    def __init__(self, error: Exception | None = None) -> None:
        self.begun = 0
        self.gate = asyncio.Event()
        self.error = error

    async def __call__(self) -> Outcome:
        self.begun += 1
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return OUTCOME


def memory() -> MemoryStore:
    return MemoryStore(Bounds(), asyncio.get_running_loop().time)


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_those_that_come_meanwhile_wait_for_the_first() -> None:
    made, work = Replays(memory()), Work()
    waiting = [asyncio.create_task(made.do("a", "0a", work)) for _ in range(3)]
    await turns()
    assert (work.begun, [each.done() for each in waiting]) == (1, [False] * 3)
    work.gate.set()
    assert await asyncio.gather(*waiting) == [(OUTCOME, False), (OUTCOME, True), (OUTCOME, True)]
    assert await made.do("a", "0a", work) == (OUTCOME, True)
    assert work.begun == 1


async def test_another_process_is_waited_for() -> None:
    store, work = memory(), Work()
    one, two = Replays(store), Replays(store)
    first = asyncio.create_task(one.do("a", "0a", work))
    await turns()
    second = asyncio.create_task(two.do("a", "0a", work))
    await turns()
    work.gate.set()
    assert await first == (OUTCOME, False)
    assert await second == (OUTCOME, True)
    assert work.begun == 1


async def test_what_another_process_gives_up_is_done() -> None:
    store, failing, work = memory(), Work(ApiError(404, "x", "no")), Work()
    work.gate.set()
    first = asyncio.create_task(Replays(store).do("a", "0a", failing))
    await turns()
    second = asyncio.create_task(Replays(store).do("a", "0a", work))
    await turns()
    failing.gate.set()
    with pytest.raises(ApiError):
        await first
    assert await second == (OUTCOME, False)


async def test_another_process_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "HOLD", 0.01)
    store = memory()
    assert await store.claim("a", Record("0a")) is None
    with pytest.raises(ApiError) as caught:
        await Replays(store).do("a", "0a", Work())
    assert (caught.value.status, caught.value.code) == (409, "in_progress")


async def test_a_name_is_for_one_request() -> None:
    made, work = Replays(memory()), Work()
    first = asyncio.create_task(made.do("a", "0a", work))
    await turns()
    for _ in range(2):  # while it is being done, and afterwards
        with pytest.raises(ApiError) as caught:
            await made.do("a", "0b", work)
        assert (caught.value.status, caught.value.code) == (422, "idempotency_key_reused")
        work.gate.set()
        await first


async def test_it_goes_on_when_nobody_waits() -> None:
    made, work = Replays(memory()), Work()
    first = asyncio.create_task(made.do("a", "0a", work))
    await turns()
    first.cancel()
    await turns()
    work.gate.set()
    assert await made.do("a", "0a", work) == (OUTCOME, True)
    assert work.begun == 1


async def test_whoever_waits_for_a_refusal_is_refused_and_it_may_come_again() -> None:
    made, work = Replays(memory()), Work(ApiError(422, "x", "no"))
    waiting = [asyncio.create_task(made.do("a", "0a", work)) for _ in range(2)]
    await turns()
    work.gate.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [str(each) for each in results] == ["no", "no"]
    work.error = None
    assert await made.do("a", "0a", work) == (OUTCOME, False)


async def test_what_can_t_be_kept_has_an_answer_all_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(name: str, record: Record) -> None:
        raise OSError("full")

    store, work = memory(), Work()
    monkeypatch.setattr(store, "keep", fail)
    work.gate.set()
    caplog.set_level(logging.WARNING)
    assert await Replays(store).do("a", "0a", work) == (OUTCOME, False)
    assert "an idempotency key couldn't be kept: OSError: full" in caplog.text


async def test_the_end() -> None:
    store, work = memory(), Work()
    made = Replays(store)
    first = asyncio.create_task(made.do("a", "0a", work))
    await turns()
    await made.close()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await store.claim("a", Record("0a")) is None
