"""Start handlers in the order in which their packets arrived, without a task for those that don't wait.

An ``asyncio.Task`` starts on a later turn of the loop and costs more than the rest of a message's way
together. Most handlers never suspend. So the first step of a handler's coroutine is run here and now,
inside a spare task that waits for such work: `asyncio.current_task`, time-outs, task groups and context
variables mean what they would in a task of the handler's own. A handler that finishes in its first step
leaves the spare task untouched, for the next one. A handler that suspends keeps it: the task goes on
with the coroutine, and a new spare is made when needed.

The first step doesn't call the coroutine's `send` itself: that would end each handler in an exception,
`StopIteration`, which costs more than the handler. A generator that the spare task keeps awaits one
coroutine after another instead, and is told of each.

`asyncio._enter_task` and its three neighbours are the documented way to do so (Python documentation,
"Extending asyncio", "Task lifetime support").
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import _enter_task, _leave_task, _register_task, _unregister_task
from collections.abc import Coroutine, Generator
from contextvars import Context, copy_context
from sys import getrefcount
from types import CoroutineType, coroutine
from typing import Any, Final

__all__ = ["HandlerTask", "OrderedStart"]

if sys.version_info >= (3, 12):
    _current_task = asyncio.current_task
else:  # there it is written in Python, around this
    _current_task = asyncio.tasks._current_tasks.get  # type: ignore[attr-defined]

_UNTOUCHED = 4
"""`getrefcount` of a task that no handler kept: the spare, what wakes the task, a local, the argument."""


class HandlerTask(asyncio.Task[Any]):
    """The task of a handler that suspended in its first step.

    Whoever started it may note here whose it is, so that one bound method serves all of them when they
    are done.
    """

    socket: Any = None
    event: str | None = None
    ack: Any = None


_DONE: Final = object()
"""What a `_Steps` generator yields when a coroutine has ended; anything else is what it awaits."""


class _Steps:
    """Takes coroutines one after another, and takes the first step of each when it gets it.

    `take` is the ``send`` of a generator. It returns `_DONE` when the coroutine has ended, and `result` is
    what it returned; or what the coroutine awaits. The generator then belongs to that coroutine alone.
    """

    __slots__ = ("generator", "is_adopted", "result", "take")

    def __init__(self) -> None:
        self.is_adopted = False
        self.result: Any = None
        self.generator = self._run()
        self.generator.send(None)
        self.take = self.generator.send

    @coroutine
    def _run(self) -> Generator[Any, Any, Any]:
        while True:  # without a local variable, which would keep the last coroutine and its result
            self.result = yield from (yield _DONE)
            if self.is_adopted:
                return self.result


class _Adoption:
    """What a spare task awaits: first to be given a coroutine, then what that coroutine awaits."""

    __slots__ = ("awaited", "generator", "loop", "parked")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.generator: Generator[Any, Any, Any] | None = None
        self.awaited: Any = None
        self.parked: asyncio.Future[None] | None = None

    def wake(self) -> None:
        if self.parked is not None and not self.parked.done():
            self.parked.set_result(None)

    def __await__(self) -> Generator[Any, Any, Any]:
        try:
            yield  # `_Spare` takes this step, so that a cancellation before the task's first one arrives here
            if self.generator is None:
                self.parked = self.loop.create_future()
                yield from self.parked
        except asyncio.CancelledError:
            if self.generator is None:
                raise
            # Cancelled between suspending and being adopted: cancel what the handler awaits, as
            # `Task.cancel` would have done, so that the handler hears of it from there.
            if self.awaited is None or not self.awaited.cancel():
                try:
                    self.awaited = self.generator.throw(asyncio.CancelledError())
                except StopIteration as stop:
                    return stop.value
        self.parked = None
        generator, awaited = self.generator, self.awaited
        if generator is None:  # let go without having been used
            return None
        self.generator = self.awaited = None
        while True:
            try:
                yield awaited
            except BaseException as error:  # noqa: BLE001 - passed on to the handler, whatever it is
                try:
                    awaited = generator.throw(error)
                except StopIteration as stop:
                    return stop.value
            else:
                return (yield from generator)


class _Spare:
    """A task that waits for a coroutine, and the context that both run in."""

    __slots__ = ("adoption", "context", "pristine", "steps", "task")

    def __init__(self, loop: asyncio.AbstractEventLoop, base: Context) -> None:
        self.context = base.copy()
        self.pristine = base
        self.steps = _Steps()
        self.adoption = _Adoption(loop)
        carrier = _carry(self.adoption)
        carrier.send(None)
        self.task = HandlerTask(carrier, loop=loop, context=self.context)
        # While spare, it is no work in progress: whoever waits for `asyncio.all_tasks` must not see it.
        _unregister_task(self.task)
        self.task._log_destroy_pending = False  # type: ignore[attr-defined]

    def adopt(self, awaited: Any) -> HandlerTask:
        """Go on with the coroutine whose first step suspended on `awaited`."""
        task = self.task
        task._log_destroy_pending = True  # type: ignore[attr-defined]
        _register_task(task)
        self.steps.is_adopted = True
        self.adoption.generator = self.steps.generator
        self.adoption.awaited = awaited
        self.adoption.wake()
        return task


async def _carry(adoption: _Adoption) -> Any:
    return await adoption


async def _native(awaitable: Any) -> Any:
    return await awaitable


class OrderedStart:
    """Run the first step of coroutines at once, in the calling order.

    Args:
        loop: The running event loop.
    """

    __slots__ = ("_base", "_loop", "_spare")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._base = copy_context()
        self._spare: _Spare | None = None

    def start(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run `coroutine` up to its first suspension.

        Returns:
            What the coroutine returned, or, when it suspended, the `HandlerTask` that goes on with it.

        Raises:
            BaseException: What the coroutine raised in its first step.
        """
        if coroutine.__class__ is not CoroutineType:
            coroutine = _native(coroutine)
        loop = self._loop
        spare = self._spare
        self._spare = None  # a handler may start another one while it runs
        if spare is None or spare.task.done():
            spare = _Spare(loop, self._base)
        task = spare.task
        steps = spare.steps
        outer = _current_task(loop)
        if outer is not None:
            _leave_task(loop, outer)
        _enter_task(loop, task)
        try:
            awaited = spare.context.run(steps.take, coroutine)
        except BaseException:
            spare.steps = _Steps()
            awaited = _DONE
            raise
        finally:
            _leave_task(loop, task)
            if outer is not None:
                _enter_task(loop, outer)
            if awaited is _DONE:
                # Did the handler leave a trace: a context variable, a reference to its task, a cancellation?
                if (
                    spare.context == spare.pristine
                    and getrefcount(task) <= _UNTOUCHED
                    and not task.cancelling()
                ):
                    self._spare = spare
                else:
                    spare.adoption.wake()
        if awaited is _DONE:
            result, steps.result = steps.result, None
            return result
        return spare.adopt(awaited)

    def close(self) -> None:
        """Let the spare task end. A later `start` makes a new one."""
        if self._spare is not None:
            self._spare.adoption.wake()
            self._spare = None
