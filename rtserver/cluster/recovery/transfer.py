"""How a session comes from one server to another: two questions, each with an answer.

    new server                         old server
    LOCATE  pid                   ->   the old connection, if it is there still, is closed
                                  <-   LOCATED  sid, rooms
    (from now on it logs what is sent to those rooms)
    TAKE    pid, offset           ->   the session ends here
                                  <-   TAKEN    session, missed events, what it has had of each server

The new server listens before the old one stops: what is sent in between comes to both, and its number tells
whether it was among the missed events. First it asks those that are named by the client's offset and pid;
then everyone, as a session may have gone on from there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from rtserver.cluster.bus import MEETING, Bus, Census
from rtserver.cluster.message import Kind, Message
from rtserver.cluster.recovery.store import SEPARATOR, ClusterStore
from rtserver.cluster.recovery.taken import Wanted, describe, rooms_of, shared, taken_of, wanted_of
from rtserver.ids import new_sid
from rtserver.server.counters import Counters
from rtserver.server.manager import PEER_TIMEOUT
from rtserver.server.namespace import Room
from rtserver.server.recovery.session import RecoverableSession
from rtserver.server.recovery.store import Restored

__all__ = ["Transfers"]

logger = logging.getLogger("rtserver.cluster")

HINT_TIMEOUT: Final = 1.0
"""Seconds for the one server that is most likely to have a session."""

Listen = Callable[[str, Sequence[Room]], Awaitable[object] | None]
"""Lets what is sent to rooms of a namespace come here, at once or when that has been awaited."""


class Question:
    """One question, until it is answered with something or nobody is left to answer it.

    Args:
        asked: Which servers.
    """

    __slots__ = ("_asked", "_done", "future")

    def __init__(self, asked: Census) -> None:
        self._asked = asked
        self._done: set[str] = set()
        """Who has answered, or has gone."""
        self.future: asyncio.Future[Message | None] = asyncio.get_running_loop().create_future()

    def answer(self, message: Message) -> None:
        """Take an answer."""
        if message.data.get("sid") is None:
            self.gone(message.uid)
        elif not self.future.done():
            self.future.set_result(message)

    def gone(self, uid: str) -> None:
        """Learn that a server has nothing to say."""
        if len(self._asked.uids) == self._asked.count and uid not in self._asked.uids:
            return
        self._done.add(uid)
        if len(self._done) >= self._asked.count and not self.future.done():
            self.future.set_result(None)


class Transfers:
    """Brings sessions here, and gives them to other servers.

    Args:
        bus: What carries the messages.
        store: The sessions and events of this server.
        counters: Where it is counted who was found nowhere.
        listen: Lets what is sent to rooms come here.
    """

    __slots__ = ("_bringing", "_bus", "_counters", "_listen", "_questions", "_store", "receivers")

    def __init__(self, bus: Bus, store: ClusterStore, counters: Counters, listen: Listen) -> None:
        self._bus = bus
        self._store = store
        self._counters = counters
        self._listen = listen
        self._questions: dict[str, Question] = {}
        self._bringing: dict[str, list[Message]] = {}
        """Who else has asked for sessions that are on their way here, by their pids."""
        self.receivers: Mapping[Kind, Callable[[Message], None]] = {
            Kind.LOCATE: self._locate,
            Kind.LOCATED: self._answered,
            Kind.TAKE: self._take,
            Kind.TAKEN: self._answered,
        }
        store.fetch = self.fetch

    # The new server.

    async def fetch(self, wanted: Wanted) -> Restored | None:
        """Bring the session of a client that is back here; see `RecoveryStore.restore`."""
        refused: set[str] = set()
        try:
            async with asyncio.timeout(PEER_TIMEOUT):
                while (located := await self._find(wanted)) is not None and located.uid not in refused:
                    restored = await self._bring(located, wanted)
                    if restored is not None:
                        return restored
                    refused.add(located.uid)  # it has gone elsewhere in between, or its owner doesn't give it
                restored = await self._store.revive(wanted)
                if restored is not None:
                    return restored
        except TimeoutError:
            logger.warning("the server that has a client's state gave no answer in time: it is a new client")
        self._counters.recoveries_unknown += 1
        return None

    async def _bring(self, located: Message, wanted: Wanted) -> Restored | None:
        store = self._store
        sid, rooms = located.data["sid"], rooms_of(located.data)
        guest = store.expect(wanted.namespace, sid, rooms)
        self._bringing[wanted.pid] = []
        try:
            listening = self._listen(wanted.namespace, (sid, *rooms))
            if listening is not None:
                await listening
            since = store.now()
            answer = await self._ask(Kind.TAKE, wanted, located.uid)
            taken = None if answer is None else taken_of(answer.data)
            return None if taken is None else store.adopt(wanted, taken, since)
        finally:
            asyncio.get_running_loop().call_soon(self._brought, guest, wanted.pid)

    def _brought(self, guest: RecoverableSession, pid: str) -> None:
        """Go on with what had to wait until the client is in its rooms."""
        self._store.awaited.remove(guest)
        for message in self._bringing.pop(pid, ()):
            self._locate(message)

    async def _find(self, wanted: Wanted) -> Message | None:
        """Ask who has a session. Returns the answer of the server that has it."""
        bus = self._bus
        census = await bus.census(MEETING)
        for uid in _owners(wanted):
            if uid != bus.uid and (uid in census.uids or len(census.uids) < census.count):
                try:
                    async with asyncio.timeout(HINT_TIMEOUT):
                        located = await self._ask(Kind.LOCATE, wanted, uid)
                except TimeoutError:
                    continue
                if located is not None:
                    return located
        census = await bus.census(MEETING)
        if not census.count:
            return None
        # Who isn't known by name may be a server of Node, which never answers.
        patience = None if len(census.uids) == census.count else HINT_TIMEOUT
        try:
            async with asyncio.timeout(patience):
                return await self._ask(Kind.LOCATE, wanted, None, census)
        except TimeoutError:
            return None

    async def _ask(
        self, kind: Kind, wanted: Wanted, uid: str | None, census: Census | None = None
    ) -> Message | None:
        """Ask one server or, without a uid, all of them. Returns the first answer that says something."""
        id = new_sid()
        question = self._questions[id] = Question(census or Census(1, frozenset((uid or "",))))
        message = Message(self._bus.uid, MEETING, kind, {**wanted._asdict(), "requestId": id})
        try:
            if uid is None:
                self._bus.send(message)
            else:
                self._bus.reply(uid, message)
            return await question.future
        finally:
            del self._questions[id]

    def _answered(self, message: Message) -> None:
        id = message.data.get("requestId")
        question = self._questions.get(id) if isinstance(id, str) else None
        if question is not None:
            question.answer(message)

    def gone(self, uid: str) -> None:
        """Learn that a server has gone: nobody waits for its answers."""
        for question in self._questions.values():
            question.gone(uid)

    # The old server.

    def _locate(self, message: Message) -> None:
        wanted = wanted_of(message.data)
        if wanted.pid in self._bringing:  # for a connection that is lost already
            self._bringing[wanted.pid].append(message)
            return
        self._store.occupants.release(wanted.namespace, wanted.pid, lambda: self._released(message, wanted))

    def _released(self, message: Message, wanted: Wanted) -> None:
        session = self._store.peek(wanted.namespace, wanted.pid)
        found = {} if session is None else {"sid": session.sid, "rooms": shared(session.rooms)}
        self._reply(message, Kind.LOCATED, found)

    def _take(self, message: Message) -> None:
        taken = self._store.give(wanted_of(message.data))
        try:
            self._reply(message, Kind.TAKEN, {} if taken is None else describe(taken))
        except TypeError as error:
            logger.warning("the session of a client can't go to another server: %s", error)
            self._reply(message, Kind.TAKEN, {})

    def _reply(self, message: Message, kind: Kind, data: Mapping[str, Any]) -> None:
        data = {"requestId": message.data.get("requestId"), **data}
        self._bus.reply(message.uid, Message(self._bus.uid, MEETING, kind, data))


def _owners(wanted: Wanted) -> Iterable[str]:
    """Return the servers that are likely to have a session, the likelier first."""
    names = (wanted.offset, wanted.pid)
    return dict.fromkeys(name.rpartition(SEPARATOR)[0] for name in names if name is not None)
