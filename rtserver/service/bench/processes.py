"""The processes of a load test: clients have about as much to do as a server, so that one can be too few."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from typing import Any, Final

import uvloop

from rtserver.errors import StartError
from rtserver.service.bench.load import Load
from rtserver.service.bench.plan import Plan, Result

__all__ = ["run"]

INTERVAL: Final = 0.5
"""Seconds between two reports of progress."""
_READY: Final = "ready"


def run(plan: Plan, processes: int, progress: Callable[[int, int], object]) -> Result:
    """Do a load test.

    Args:
        plan: What is done by all processes together.
        processes: How many there are.
        progress: Called now and then with how many clients have connected, and how many answers have come.

    Raises:
        StartError: A process has ended early.
    """
    context = multiprocessing.get_context("spawn")
    ends: list[Connection] = []
    children = []
    for part in _parts(plan, processes):
        here, there = context.Pipe()
        child = context.Process(target=_work, args=(part, there), daemon=True)
        child.start()
        there.close()
        ends.append(here)
        children.append(child)
    try:
        return _supervise(ends, progress)
    except EOFError:
        raise StartError("bench: a process of the load test has ended early") from None
    finally:
        for child in children:
            child.terminate()
            child.join()


def _parts(plan: Plan, processes: int) -> list[Plan]:
    share, more = divmod(plan.connections, processes)
    return [
        replace(
            plan,
            connections=share + (number < more),
            arrivals=max(1, plan.arrivals // processes),
            emits=number == 0,
        )
        for number in range(processes)
    ]


def _supervise(ends: Sequence[Connection], progress: Callable[[int, int], object]) -> Result:
    """Take what the processes tell, and let all of them begin together."""
    told: dict[Connection, tuple[int, int]] = {}
    results: dict[Connection, Result] = {}
    waiting: list[Connection] = []
    while len(results) < len(ends):
        for end in wait([each for each in ends if each not in results]):
            assert isinstance(end, Connection)
            message = end.recv()
            if message == _READY:
                waiting.append(end)
            elif isinstance(message, Result):
                results[end] = message
            else:
                told[end] = message
                progress(*map(sum, zip(*told.values(), strict=True)))
        if len(waiting) == len(ends):
            for end in waiting:
                end.send(_READY)
            waiting = []
    return Result.merged(results.values())


def _work(plan: Plan, end: Connection) -> None:
    """Do one process's part."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started it ends it
    uvloop.run(_part(plan, end))


async def _part(plan: Plan, end: Connection) -> None:
    load = Load(plan)

    async def ready() -> None:
        end.send(_READY)
        await asyncio.to_thread(end.recv)

    telling = asyncio.create_task(_tell(load, end))
    result: Any = await load.run(ready)
    telling.cancel()
    end.send(result)


async def _tell(load: Load, end: Connection) -> None:
    while True:
        await asyncio.sleep(INTERVAL)
        end.send(load.progress)
