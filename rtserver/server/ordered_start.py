"""Start handlers in the order in which their packets arrived, without a task for those that don't wait.

An ``asyncio.Task`` starts on a later turn of the loop and costs more than the rest of a message's way
together. Most handlers never suspend. So the first step of a handler's coroutine is run here and now,
inside a spare task that waits for such work: `asyncio.current_task`, time-outs, task groups and context
variables mean what they would in a task of the handler's own. A handler that finishes in its first step
leaves the spare task untouched, for the next one. A handler that suspends keeps it: the task adopts the
coroutine, and a new spare is made when needed.

`asyncio._enter_task` and its three neighbours are the documented way to do so (Python documentation,
"Extending asyncio", "Task lifetime support").
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import _enter_task, _leave_task, _register_task, _unregister_task
from collections.abc import Coroutine, Generator
from contextvars import Context, copy_context
from typing import Any

__all__ = ["HandlerTask", "OrderedStart"]

_UNTOUCHED = 4
"""`sys.getrefcount` of a task that no handler kept: the spare, what wakes the task, a local, the argument."""


class HandlerTask(asyncio.Task[Any]):
    """The task of a handler that suspended in its first step.

    Whoever started it may note here whose it is, so that one bound method serves all of them when they
    are done.
    """

    socket: Any = None
    event: str | None = None
    ack_id: int | None = None


class _Adoption:
    """What a spare task awaits: first its coroutine, then what that coroutine awaits."""

    __slots__ = ("awaited", "coroutine", "loop", "parked")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.coroutine: Coroutine[Any, Any, Any] | None = None
        self.awaited: Any = None
        self.parked: asyncio.Future[None] | None = None

    def wake(self) -> None:
        if self.parked is not None and not self.parked.done():
            self.parked.set_result(None)

    def __await__(self) -> Generator[Any, Any, Any]:
        try:
            yield  # `_Spare` takes this step, so that a cancellation before the task's first one arrives here
            if self.coroutine is None:
                self.parked = self.loop.create_future()
                yield from self.parked
        except asyncio.CancelledError:
            if self.coroutine is None:
                raise
            # Cancelled between suspending and being adopted: cancel what the handler awaits, as
            # `Task.cancel` would have done, so that the handler hears of it from there.
            if self.awaited is None or not self.awaited.cancel():
                try:
                    self.awaited = self.coroutine.throw(asyncio.CancelledError())
                except StopIteration as stop:
                    return stop.value
        self.parked = None
        coroutine, awaited = self.coroutine, self.awaited
        if coroutine is None:  # let go without having been used
            return None
        self.coroutine = self.awaited = None
        while True:
            try:
                yield awaited
            except BaseException as error:  # noqa: BLE001 - passed on to the handler, whatever it is
                try:
                    awaited = coroutine.throw(error)
                except StopIteration as stop:
                    return stop.value
            else:
                return (yield from coroutine.__await__())


class _Spare:
    """A task that waits for a coroutine, and the context that both run in."""

    __slots__ = ("adoption", "context", "pristine", "task")

    def __init__(self, loop: asyncio.AbstractEventLoop, base: Context) -> None:
        self.context = base.copy()
        self.pristine = base
        self.adoption = _Adoption(loop)
        carrier = _carry(self.adoption)
        carrier.send(None)
        self.task = HandlerTask(carrier, loop=loop, context=self.context)
        # While spare, it is no work in progress: whoever waits for `asyncio.all_tasks` must not see it.
        _unregister_task(self.task)
        self.task._log_destroy_pending = False  # type: ignore[attr-defined]

    def adopt(self, coroutine: Coroutine[Any, Any, Any], awaited: Any) -> HandlerTask:
        """Go on with a coroutine whose first step suspended on `awaited`."""
        task = self.task
        task._log_destroy_pending = True  # type: ignore[attr-defined]
        _register_task(task)
        self.adoption.coroutine = coroutine
        self.adoption.awaited = awaited
        self.adoption.wake()
        return task

    def is_clean(self) -> bool:
        """Tell whether the last handler left no trace: context variables, a reference, a cancellation."""
        task = self.task
        return (
            self.context == self.pristine
            and sys.getrefcount(task) <= _UNTOUCHED
            and not task.cancelling()
            and not task.done()
        )


async def _carry(adoption: _Adoption) -> Any:
    return await adoption


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
        loop = self._loop
        spare = self._spare
        if spare is None or spare.task.done():
            spare = _Spare(loop, self._base)
        else:
            self._spare = None  # a handler may start another one while it runs
        outer = asyncio.current_task(loop)
        if outer is not None:
            _leave_task(loop, outer)
        _enter_task(loop, spare.task)
        try:
            awaited = spare.context.run(coroutine.send, None)
        except BaseException as outcome:
            _leave_task(loop, spare.task)
            if outer is not None:
                _enter_task(loop, outer)
            if spare.is_clean():
                self._spare = spare
            else:
                spare.adoption.wake()
            if isinstance(outcome, StopIteration):
                return outcome.value
            raise
        _leave_task(loop, spare.task)
        if outer is not None:
            _enter_task(loop, outer)
        return spare.adopt(coroutine, awaited)

    def close(self) -> None:
        """Let the spare task end. A later `start` makes a new one."""
        if self._spare is not None:
            self._spare.adoption.wake()
            self._spare = None
