"""What a process needs to serve many clients: its event loop, its limits, its memory, its signals."""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, Literal

from rtserver.errors import StartError

__all__ = [
    "Stop",
    "keep_freed_memory",
    "loop_factory",
    "raise_file_limit",
    "spare_the_garbage_collector",
]

logger = logging.getLogger("rtserver.service")

HURRY: Final = 3.0
"""Seconds that everything has to end after a second signal."""


def loop_factory(loop: Literal["uvloop", "asyncio"]) -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what makes event loops of a kind.

    Raises:
        StartError: It isn't installed.
    """
    if loop == "asyncio":
        return asyncio.new_event_loop
    try:
        import uvloop  # noqa: PLC0415 - not installed on every platform
    except ImportError:
        raise StartError('loop: "uvloop" isn\'t installed; install it or set loop = "asyncio"') from None
    return uvloop.new_event_loop


def raise_file_limit() -> None:
    """Let the process have as many connections as the system allows: the soft limit is often only 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def spare_the_garbage_collector() -> None:
    """Make the collector's pauses short and its full collections rare.

    A full collection stops the loop while it looks at every object, and nearly all of ours live as long
    as the process or a connection. With 8,000 clients one took 240 ms. Without the 57,000 objects of the
    start-up, which ``freeze`` takes out, it takes 120 ms, and with these thresholds it comes after
    14 times as many new objects as by default. A collection of 5,000 young objects takes about 1 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 10, 20)


def keep_freed_memory() -> None:
    """Let glibc keep the memory that large messages are made in, up to 4 MiB.

    By default it gives the top of its heap back to the system as soon as 128 KiB there are free, and has it
    back, zeroed page by page, a moment later. An echo of 64 KB cost 40 page faults, and 2.4 times as much
    processor time. When a block with a mapping of its own is freed, the limit becomes twice its size, and
    smaller blocks get no mapping any more: mallopt(3), M_MMAP_THRESHOLD. Other C libraries don't notice.
    """
    bytes(2 * 1024 * 1024)


class Stop:
    """The wish that the process ends: in good order, or quickly.

    Attributes:
        reason: What the wish came as, such as ``"SIGTERM received"``; set once there is one.
    """

    def __init__(self) -> None:
        self.reason = ""
        self._wanted = asyncio.Event()
        self._hurried = asyncio.Event()

    def on_signals(self, *numbers: signal.Signals) -> None:
        """Take each of these signals as the wish, and the second one as that to hurry."""
        loop = asyncio.get_running_loop()
        for number in numbers:
            loop.add_signal_handler(number, self._signalled, number.name)

    def _signalled(self, name: str) -> None:
        if self.is_wanted:
            self.hurry()
        self.want(f"{name} received")

    def want(self, reason: str) -> None:
        """Wish the end."""
        self.reason = self.reason or reason
        self._wanted.set()

    def hurry(self) -> None:
        """Let nothing be waited for any more."""
        self._hurried.set()

    @property
    def is_wanted(self) -> bool:
        """True once the process is to end."""
        return self._wanted.is_set()

    async def wait(self) -> None:
        """Wait for the wish."""
        await self._wanted.wait()

    async def unless_wanted(self, doing: Coroutine[Any, Any, None]) -> None:
        """Do something, but leave it off as soon as the process is to end."""
        await _until(self._wanted, asyncio.ensure_future(doing))

    async def unless_hurried(self, doing: Coroutine[Any, Any, None]) -> None:
        """Do something, but leave it off as soon as the end is to be quick."""
        await _until(self._hurried, asyncio.ensure_future(doing))

    async def in_time(self, ending: Coroutine[Any, Any, None]) -> None:
        """Do what ends the process; that has a moment only once the end is to be quick."""
        doing = asyncio.ensure_future(ending)
        await _first(doing, self._hurried)
        await asyncio.wait({doing}, timeout=HURRY)
        if not doing.done():
            logger.warning("not everything had ended after %g seconds", HURRY)
        await _end(doing)


async def _until(event: asyncio.Event, doing: asyncio.Future[None]) -> None:
    """Wait for the end of something or for an event, which cancels it."""
    try:
        await _first(doing, event)
    finally:
        await _end(doing)


async def _first(doing: asyncio.Future[None], event: asyncio.Event) -> None:
    """Wait for the end of something or for an event."""
    waiting: asyncio.Future[Any] = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait([doing, waiting], return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()


async def _end(doing: asyncio.Future[None]) -> None:
    """Cancel something unless it has ended; raise what it has raised."""
    doing.cancel()
    with suppress(asyncio.CancelledError):
        await doing
