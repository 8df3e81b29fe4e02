"""How a server gets the session of a client that another one still has: the connection lost, but not noticed.

    new server                    old server
    LOCATE  namespace, pid   ->   the old connection is closed, its handlers end, the session goes to Redis
                             <-   LOCATED  whether it was there

Only servers of ours ask, and answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from rtserver.cluster.bus import MEETING, Bus
from rtserver.cluster.message import Kind, Message
from rtserver.cluster.redis.client import FAILURES
from rtserver.cluster.redis.ending import end
from rtserver.cluster.redis.streams.keeper import SessionKeeper
from rtserver.ids import new_sid
from rtserver.server.recovery.store import Occupants

__all__ = ["Summons"]

PATIENCE: Final = 5.0
"""Seconds for the old connection's handlers to end."""


class Question:
    """One question, until somebody has had the session or nobody has.

    Args:
        expected: How many servers are asked.
    """

    __slots__ = ("_expected", "answered")

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self.answered = asyncio.Event()

    def answer(self, was_there: bool) -> None:
        """Take an answer."""
        self._expected -= 1
        if was_there or self._expected <= 0:
            self.answered.set()


class Summons:
    """Asks other servers for sessions, and answers them.

    Args:
        bus: What carries the messages.
        keeper: Keeps the sessions.
        may_come: Tells whether Redis is back for so short a time that others may not have found it yet.
    """

    __slots__ = ("_bus", "_freed", "_keeper", "_questions", "_tasks", "_wanted", "may_come", "occupants")

    def __init__(self, bus: Bus, keeper: SessionKeeper, may_come: Callable[[], bool]) -> None:
        self.may_come = may_come
        self._bus = bus
        self._keeper = keeper
        self.occupants: Occupants
        self._questions: dict[str, Question] = {}
        self._wanted: set[str] = set()
        self._freed: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def call(self, namespace: str, pid: str) -> None:
        """Return when the session is in Redis, or nobody has it."""
        census = await self._bus.census(MEETING)
        if not census.uids:
            return
        id = new_sid()
        question = self._questions[id] = Question(len(census.uids))
        data = {"namespace": namespace, "pid": pid, "requestId": id}
        self._bus.send(Message(self._bus.uid, MEETING, Kind.LOCATE, data))
        try:
            async with asyncio.timeout(PATIENCE):
                await question.answered.wait()
        except TimeoutError:
            pass
        finally:
            del self._questions[id]

    def take(self, message: Message) -> bool:
        """Take a message if it is about this. Returns False for any other."""
        data = message.data
        if message.kind is Kind.LOCATED:
            question = self._questions.get(str(data.get("requestId")))
            if question is not None:
                question.answer(bool(data.get("found")))
        elif message.kind is Kind.LOCATE:
            namespace, pid = str(data.get("namespace")), str(data.get("pid"))
            self._wanted.add(pid)
            self.occupants.release(namespace, pid, lambda: self._released(message, pid))
        else:
            return False
        return True

    def _released(self, message: Message, pid: str) -> None:
        self._wanted.discard(pid)
        was_there = pid in self._freed
        self._freed.discard(pid)
        task = asyncio.create_task(self._answer(message, pid, was_there))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, message: Message, pid: str, was_there: bool) -> None:
        try:
            await self._keeper.written(pid)
        except FAILURES:
            was_there = False
        data = {"requestId": message.data.get("requestId"), "found": was_there}
        self._bus.reply(message.uid, Message(self._bus.uid, MEETING, Kind.LOCATED, data))

    async def close(self) -> None:
        """Answer nothing more."""
        await end(*self._tasks)

    def frees(self, pid: str) -> bool:
        """Take note that a client's handlers have ended. Returns whether its session is asked for."""
        if pid not in self._wanted:
            return False
        self._freed.add(pid)
        return True
