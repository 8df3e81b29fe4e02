from __future__ import annotations

import asyncio
import contextvars
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from rtserver.server.ordered_start import HandlerTask, OrderedStart

LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop, uvloop.new_event_loop]
variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


@pytest.fixture(params=LOOPS, ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    def runner(test: Callable[[OrderedStart], Any]) -> Any:
        async def main() -> Any:
            start = OrderedStart(asyncio.get_running_loop())
            try:
                return await test(start)
            finally:
                start.close()

        with asyncio.Runner(loop_factory=request.param) as loop_runner:
            return loop_runner.run(main())

    return runner


def test_a_coroutine_that_never_waits_returns_its_value_and_leaves_no_task(run: Any) -> None:
    async def handler(value: int) -> int:
        return value * 2

    async def test(start: OrderedStart) -> None:
        before = asyncio.all_tasks()
        assert [start.start(handler(n)) for n in (1, 2, 3)] == [2, 4, 6]
        assert asyncio.all_tasks() == before

    run(test)


def test_the_spare_task_serves_again_before_and_after_it_has_parked(run: Any) -> None:
    async def handler() -> int:
        return id(asyncio.current_task())

    async def test(start: OrderedStart) -> None:
        first = start.start(handler())
        assert start.start(handler()) == first
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert start.start(handler()) == first

    run(test)


def test_what_a_first_step_raises_is_raised(run: Any) -> None:
    async def handler() -> None:
        raise KeyError("first")

    async def test(start: OrderedStart) -> None:
        with pytest.raises(KeyError):
            start.start(handler())
        assert start.start(asyncio.sleep(0, "no")) is not None

    run(test)


@pytest.mark.parametrize("turns", [0, 1, 3])
def test_a_coroutine_that_waits_goes_on_in_the_task_that_it_started_in(run: Any, turns: int) -> None:
    async def handler() -> tuple[bool, str, str]:
        task = asyncio.current_task()
        variable.set("mine")
        await asyncio.sleep(0.001)
        seen = variable.get()
        await asyncio.sleep(0)
        return asyncio.current_task() is task, seen, "done"

    async def test(start: OrderedStart) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        task = start.start(handler())
        assert isinstance(task, HandlerTask)
        assert task in asyncio.all_tasks()
        assert await task == (True, "mine", "done")

    run(test)


def test_context_variables_do_not_leak_into_the_next_handler(run: Any) -> None:
    async def setter() -> None:
        variable.set("leaked")

    async def getter() -> str:
        return variable.get()

    async def test(start: OrderedStart) -> None:
        start.start(setter())
        assert start.start(getter()) == "unset"

    run(test)


def test_a_task_that_a_handler_kept_is_not_used_again(run: Any) -> None:
    kept: list[Any] = []

    async def handler() -> None:
        kept.append(asyncio.current_task())

    async def test(start: OrderedStart) -> None:
        start.start(handler())
        start.start(handler())
        assert kept[0] is not kept[1]

    run(test)


def test_timeouts_and_task_groups_work_from_the_first_step(run: Any) -> None:
    async def slow() -> str:
        try:
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        except TimeoutError:
            return "timed out"
        return "never"

    async def grouped() -> str:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(0))

                async def fails() -> None:
                    raise KeyError("one")

                group.create_task(fails())
                await asyncio.Event().wait()
        except ExceptionGroup as group_error:
            return "group failed" if group_error.subgroup(KeyError) else "other"
        return "never"

    async def test(start: OrderedStart) -> None:
        assert await start.start(slow()) == "timed out"
        assert await start.start(grouped()) == "group failed"

    run(test)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_cancelling_reaches_what_the_handler_awaits(run: Any, turns: int) -> None:
    async def test(start: OrderedStart) -> None:
        awaited: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        seen: list[str] = []

        async def handler() -> str:
            try:
                await awaited
            except asyncio.CancelledError:
                seen.append("cancelled")
                await asyncio.sleep(0)
                seen.append("cleaned")
                raise
            return "never"

        start.start(asyncio.sleep(0, None)) if turns == 3 else None
        task = start.start(handler())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert seen == ["cancelled", "cleaned"]
        assert awaited.cancelled()

    run(test)


def test_handlers_started_from_inside_a_handler_and_a_task(run: Any) -> None:
    async def inner() -> Any:
        return asyncio.current_task()

    async def test(start: OrderedStart) -> None:
        me = asyncio.current_task()

        async def outer() -> tuple[Any, Any]:
            before = asyncio.current_task()
            nested = start.start(inner())
            assert asyncio.current_task() is before
            return before, nested

        before, nested = start.start(outer())
        assert before is not nested
        assert me is asyncio.current_task()
        assert before is not me

    run(test)


def test_starts_happen_in_calling_order(run: Any) -> None:
    order: list[int] = []

    async def handler(number: int) -> None:
        order.append(number)
        await asyncio.sleep(0)
        order.append(number + 10)

    async def test(start: OrderedStart) -> None:
        tasks = [start.start(handler(number)) for number in range(3)]
        assert order == [0, 1, 2]
        await asyncio.gather(*tasks)
        assert order == [0, 1, 2, 10, 11, 12]

    run(test)


def test_a_handler_that_cancels_its_task_and_ends_does_not_cancel_the_next_one(run: Any) -> None:
    async def cancels() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()

    async def waits() -> str:
        await asyncio.sleep(0.001)
        return "done"

    async def test(start: OrderedStart) -> None:
        assert start.start(cancels()) is None
        assert await start.start(waits()) == "done"

    run(test)


def test_what_a_handler_returned_is_not_kept(run: Any) -> None:
    class Result:
        pass

    async def handler() -> Result:
        return Result()

    async def test(start: OrderedStart) -> None:
        alive = weakref.ref(start.start(handler()))
        assert alive() is None

    run(test)


def test_a_coroutine_that_is_not_pythons_own_is_run_as_well(run: Any) -> None:
    class Foreign(Coroutine[Any, Any, Any]):
        """A coroutine as compiled code makes them."""

        def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
            self.coroutine = coroutine

        def send(self, value: Any) -> Any:
            return self.coroutine.send(value)

        def throw(self, *args: Any) -> Any:
            return self.coroutine.throw(*args)

        def close(self) -> None:
            self.coroutine.close()

        def __await__(self) -> Any:
            return self.coroutine.__await__()

    async def handler(turns: int) -> str:
        for _ in range(turns):
            await asyncio.sleep(0)
        return "done"

    async def test(start: OrderedStart) -> None:
        assert start.start(Foreign(handler(0))) == "done"
        assert await start.start(Foreign(handler(2))) == "done"

    run(test)
