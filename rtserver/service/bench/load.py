"""What one process of a load test does: connect its clients, let them emit, and read off what they saw."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import aiohttp

from rtserver.service.bench.client import BenchClient, Refused, Tally
from rtserver.service.bench.plan import Plan, Result

__all__ = ["Load"]

QUIET: Final = 0.5
"""Seconds without an event after which the last one has arrived, where all of them get it."""


class Load:
    """The clients of one process.

    Args:
        plan: What they do.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._tally = Tally()
        self._clients: list[BenchClient] = []
        self._result = Result(answers=self._tally.answers, errors=self._tally.errors)

    @property
    def progress(self) -> tuple[int, int]:
        """How many clients have connected, and how many answers have come."""
        return self._result.connected, self._tally.answers.count

    async def run(self, ready: Callable[[], Awaitable[None]]) -> Result:
        """Do everything.

        Args:
            ready: Waits until the clients of other processes have connected, too.
        """
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as http:
            await self._connect(http)
            listening = [asyncio.create_task(each.listen()) for each in self._clients]
            try:
                await ready()
                if self._clients:
                    await self._measure()
            finally:
                for task in listening:
                    task.cancel()
                await asyncio.gather(*listening, return_exceptions=True)
                await asyncio.gather(*(each.close() for each in self._clients), return_exceptions=True)
        return self._result

    async def _connect(self, http: aiohttp.ClientSession) -> None:
        start = time.perf_counter()
        left = iter(range(self._plan.connections))

        async def arrive() -> None:
            for _ in left:
                client = BenchClient(self._plan, self._tally)
                began = time.perf_counter()
                try:
                    await client.open(http)
                except Refused as refusal:
                    self._tally.errors[f"not connected: {refusal}"] += 1
                    continue
                self._result.connects.record(time.perf_counter() - began)
                self._result.connected += 1
                self._clients.append(client)

        await asyncio.gather(*(arrive() for _ in range(self._plan.arrivals)))
        self._result.connecting = time.perf_counter() - start

    async def _measure(self) -> None:
        plan, tally = self._plan, self._tally
        tally.is_running = True
        began, used = time.perf_counter(), time.process_time()
        if plan.emit is None:
            await asyncio.sleep(plan.duration)
        elif plan.expect is None:
            await self._emit_and_wait()
        elif plan.emits:
            await self._emit_to_all(self._clients[0])
        else:
            await asyncio.sleep(plan.duration)
        self._result.seconds = time.perf_counter() - began
        self._result.busy = [(time.process_time() - used) / self._result.seconds]
        if plan.expect is not None:
            await self._quiet()
        tally.is_running = False

    async def _emit_and_wait(self) -> None:
        for client in self._clients:
            for _ in range(self._plan.outstanding):
                with suppress(ConnectionError):  # the one that listens counts it
                    await client.emit()
        await asyncio.sleep(self._plan.duration)
        if not self._tally.answers.count and not self._tally.errors:
            waiting = sum(client.waiting for client in self._clients)
            why = f"no acknowledgment of {self._plan.emit!r}: has it a handler, that returns in time?"
            self._tally.errors[why] = waiting

    async def _emit_to_all(self, client: BenchClient) -> None:
        end = time.perf_counter() + self._plan.duration
        due = time.perf_counter()
        while due < end:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            try:
                await client.emit_to_all()
            except ConnectionError:  # the one that listens counts it
                break
            self._result.emitted += 1
            due += 1 / self._plan.rate
        await asyncio.sleep(max(0.0, end - time.perf_counter()))

    async def _quiet(self) -> None:
        """Wait until nothing more arrives, as long as that may take."""
        end = time.perf_counter() + self._plan.patience
        seen = -1
        while seen != self._tally.answers.count and time.perf_counter() < end:
            seen = self._tally.answers.count
            await asyncio.sleep(QUIET)
