"""How a session comes from one server to another: two questions, each with an answer.

    new server                         old server
    LOCATE  pid                   ->   the old connection, if it is there still, is closed
                                  <-   LOCATED  sid, rooms
    (from now on it logs what is sent to those rooms)
    TAKE    pid, offset           ->   the session ends here
                                  <-   TAKEN    session, missed events, what it has had of each server

The new server listens before the old one stops: what is sent in between comes to both, and its number tells whether
it was among the missed events. First it asks those that are named by the client's offset and pid; then everyone,
as a session may have gone on from there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from rtserver.cluster.bus import Bus
from rtserver.cluster.message import Kind, Message
from rtserver.cluster.recovery.store import SEPARATOR, ClusterStore
from rtserver.cluster.recovery.taken import describe, rooms_of, taken_of
from rtserver.ids import new_sid
from rtserver.server.counters import Counters
from rtserver.server.manager import PEER_TIMEOUT
from rtserver.server.namespace import Room
from rtserver.server.recovery.store import Restored

__all__ = ["MEETING", "Transfers"]

logger = logging.getLogger("rtserver.cluster")

MEETING: Final = "/"
"""The namespace on whose channels all servers ask each other."""
HINT_TIMEOUT: Final = 1.0
"""Seconds for the one server that is most likely to have a session."""

Listen = Callable[[str, Sequence[Room]], Awaitable[object] | None]
"""Lets what is sent to rooms of a namespace come here, at once or when that has been awaited."""


class Question:
    """One question, until it is answered with something or all have answered.

    Args:
        expected: How many servers are asked.
    """

    __slots__ = ("_expected", "future")

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self.future: asyncio.Future[Message | None] = asyncio.get_running_loop().create_future()

    def answer(self, message: Message) -> None:
        """Take an answer."""
        self._expected -= 1
        if self.future.done():
            return
        if message.data.get("sid") is not None:
            self.future.set_result(message)
        elif self._expected <= 0:
            self.future.set_result(None)


class Transfers:
    """Brings sessions here, and gives them to other servers.

    Args:
        bus: What carries the messages.
        store: The sessions and events of this server.
        counters: Where it is counted who was found nowhere.
        listen: Lets what is sent to rooms come here.
    """

    __slots__ = ("_bus", "_counters", "_listen", "_questions", "_store", "receivers")

    def __init__(self, bus: Bus, store: ClusterStore, counters: Counters, listen: Listen) -> None:
        self._bus = bus
        self._store = store
        self._counters = counters
        self._listen = listen
        self._questions: dict[str, Question] = {}
        self.receivers: Mapping[Kind, Callable[[Message], None]] = {
            Kind.LOCATE: self._locate,
            Kind.LOCATED: self._answered,
            Kind.TAKE: self._take,
            Kind.TAKEN: self._answered,
        }
        store.fetch = self.fetch

    # The new server.

    async def fetch(self, namespace: str, pid: str, offset: str | None, limit: int) -> Restored | None:
        """Bring the session of a client that is back here; see `RecoveryStore.restore`."""
        try:
            async with asyncio.timeout(PEER_TIMEOUT):
                located = await self._find(namespace, pid, offset)
                if located is not None:
                    return await self._bring(located, namespace, pid, offset, limit)
        except TimeoutError:
            logger.warning("the server that has a client's state gave no answer in time: it is a new client")
        self._counters.recoveries_unknown += 1
        return None

    async def _bring(
        self, located: Message, namespace: str, pid: str, offset: str | None, limit: int
    ) -> Restored | None:
        store = self._store
        sid, rooms = located.data["sid"], rooms_of(located.data)
        guest = store.expect(namespace, sid, rooms)
        try:
            listening = self._listen(namespace, rooms)
            if listening is not None:
                await listening
            since = store.now()
            question = {"nsp": namespace, "pid": pid, "offset": offset, "limit": limit}
            answer = await self._ask(Kind.TAKE, question, located.uid)
            taken = None if answer is None else taken_of(answer.data)
            return None if taken is None else store.adopt(namespace, pid, offset, limit, taken, since)
        finally:
            asyncio.get_running_loop().call_soon(store.awaited.remove, guest)  # once it is in its rooms

    async def _find(self, namespace: str, pid: str, offset: str | None) -> Message | None:
        """Ask who has a session. Returns the answer of the server that has it."""
        question = {"nsp": namespace, "pid": pid}
        census = await self._bus.census(MEETING)
        for uid in _owners(offset, pid):
            if uid != self._bus.uid and (uid in census.uids or len(census.uids) < census.count):
                try:
                    async with asyncio.timeout(HINT_TIMEOUT):
                        located = await self._ask(Kind.LOCATE, question, uid)
                except TimeoutError:
                    continue
                if located is not None:
                    return located
        return await self._ask(Kind.LOCATE, question, None, census.count) if census.count else None

    async def _ask(
        self, kind: Kind, data: Mapping[str, Any], uid: str | None, expected: int = 1
    ) -> Message | None:
        """Ask one server or, without a uid, all of them. Returns the first answer that says something."""
        id = new_sid()
        question = self._questions[id] = Question(expected)
        message = Message(self._bus.uid, MEETING, kind, {**data, "requestId": id})
        try:
            if uid is None:
                self._bus.send(message)
            else:
                self._bus.reply(uid, message)
            return await question.future
        finally:
            del self._questions[id]

    def _answered(self, message: Message) -> None:
        question = self._questions.get(message.data.get("requestId", ""))
        if question is not None:
            question.answer(message)

    # The old server.

    def _locate(self, message: Message) -> None:
        namespace, pid = message.data.get("nsp"), message.data.get("pid")
        if not isinstance(namespace, str) or not isinstance(pid, str):
            self._reply(message, Kind.LOCATED, {})
            return
        self._store.occupants.release(namespace, pid, lambda: self._released(message, namespace, pid))

    def _released(self, message: Message, namespace: str, pid: str) -> None:
        session = self._store.peek(namespace, pid)
        found = {} if session is None else {"sid": session.sid, "rooms": list(session.rooms)}
        self._reply(message, Kind.LOCATED, found)

    def _take(self, message: Message) -> None:
        namespace, pid, offset, limit = (message.data.get(key) for key in ("nsp", "pid", "offset", "limit"))
        taken = None
        if isinstance(namespace, str) and isinstance(pid, str) and isinstance(offset, str | None):
            taken = self._store.give(namespace, pid, offset, limit if isinstance(limit, int) else 0)
        self._reply(message, Kind.TAKEN, {} if taken is None else describe(taken))

    def _reply(self, message: Message, kind: Kind, data: Mapping[str, Any]) -> None:
        data = {"requestId": message.data.get("requestId"), **data}
        self._bus.reply(message.uid, Message(self._bus.uid, MEETING, kind, data))


def _owners(offset: str | None, pid: str) -> Iterable[str]:
    """Return the servers that are likely to have a session, the likelier first."""
    return dict.fromkeys(name.rpartition(SEPARATOR)[0] for name in (offset, pid) if name is not None)
