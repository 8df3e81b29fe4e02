"""What a process that was killed has left says the same as the process would have said."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rtserver.clock import Clock
from rtserver.cluster.recovery.archive import Revived, _replay
from rtserver.cluster.recovery.journaled import JournaledSession, JournaledStore
from rtserver.cluster.recovery.taken import Taken, Wanted
from rtserver.engineio.outgoing import Outgoing
from rtserver.server.counters import Counters
from rtserver.server.recovery.brought import Missed
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.server.target import Target
from tests.support.loop import FakeLoop

ROOMS = ("a", 7)
CLIENTS = 2


class Everyone:
    """The connected clients of the process, and what the application has of them."""

    def __init__(self) -> None:
        self.of: dict[str, dict[str, Any] | None] = {}

    def release(self, namespace: str, pid: str, then: Any) -> None:
        raise NotImplementedError

    def data(self, pid: str) -> dict[str, Any] | None:
        return self.of.get(pid)


class Process:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "W.journal"
        self.loop = FakeLoop()
        self.clock = Clock(self.loop)
        self.options = ConnectionStateRecovery(max_packets=8)
        self.store = JournaledStore("W", self.path, self.options, 10.0, lambda: self.clock, Counters())
        self.everyone = Everyone()
        self.store.attach(self.everyone)
        self.store.begin()
        self.sessions: list[JournaledSession | None] = [None] * CLIENTS
        self.came_with: dict[str, str | None] = {}
        self.number = 0

    def act(self, action: str, client: int, room: int, number: int) -> None:
        session = self.sessions[client]
        store = self.store
        if action == "send":
            rooms = ((), (ROOMS[room],), ("sid0",), tuple(ROOMS))[number % 4]
            skipped = (ROOMS[room - 1],) if number % 3 == 0 else ()
            self.number += 1
            target = Target("/", rooms, skipped)
            store.record(target, Outgoing(f"event {self.number}".encode()), store.progress.next())
        elif action == "age":
            assert store._journal is not None
            store._journal._rotate(store.now())
        elif session is None or session.ended:
            self.come(action, client, number)
        elif session.left_at is not None:
            if action == "back":
                assert store.take(session, self.came_with[session.pid], 10_000) is not None or session.ended
                session.rooms = ()
            elif action == "move":
                store.leave(Target("/", (session.sid,)), (ROOMS[room],))
            elif action == "end":
                store.discard(session)
        elif action == "move":
            session.moved(ROOMS[room], ROOMS[room] not in session.current)
        elif action == "leave":
            session.rooms = tuple(session.current)
            session.data = self.everyone.of[session.pid]
            store.save(session)
        elif action == "data":
            self.everyone.of[session.pid] = {"number": number}
            store._look()
        elif action == "end":
            store.discard(session)

    def come(self, action: str, client: int, number: int) -> None:
        if action == "open":
            session = self.store.open("/", f"sid{client}")
            self.came_with[session.pid] = None
        elif action == "adopt":
            missed = [Missed(f"o.{each}", Outgoing(b"brought")) for each in range(2, number % 4 + 2)]
            pid = f"other.{client}.{self.number}"
            wanted = Wanted("/", pid, "o.1", 10_000)
            taken = Taken(f"sid{client}", ("a",), {"number": 1}, missed, {"o": 5})
            restored = self.store.adopt(wanted, taken, self.store.now())
            assert restored is not None
            session = restored.session
            session.rooms, session.data = (), None
            self.came_with[pid] = "o.1"
        else:
            return
        assert isinstance(session, JournaledSession)
        self.sessions[client] = session
        self.everyone.of[session.pid] = {"number": 1} if action == "adopt" else None

    def said(self, pid: str) -> Any:
        """Return what the process would have said of a client, had it left at the end."""
        session = self.store._sessions.get(pid)
        if session is None:
            return None
        if session.left_at is None:
            session.rooms = tuple(session.current)
            session.data = self.everyone.of[pid]
            self.store.save(session)
        return plain(self.store.give(Wanted("/", pid, self.came_with[pid], 10_000)))

    def revive(self) -> Revived:
        revived = Revived("W", self.path.stat().st_mtime, self.options, 10.0, lambda: self.clock)
        return _replay(self.path, revived)


def plain(taken: Taken | None) -> Any:
    if taken is None:
        return None
    missed = [(offset, outgoing.text) for offset, outgoing in taken.missed]
    vector = {uid: number for uid, number in taken.vector.items() if number}
    return taken.sid, set(taken.rooms), taken.data, missed, vector


names = st.sampled_from(["send", "send", "move", "open", "adopt", "leave", "back", "data", "end", "age"])
steps = st.tuples(names, st.integers(0, CLIENTS - 1), st.integers(0, len(ROOMS) - 1), st.integers(0, 9))


@settings(max_examples=400)
@given(st.lists(steps, min_size=5, max_size=60))
def test_a_journal_says_what_its_process_would_have_said(actions: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        process = Process(Path(folder))
        for action in actions:
            process.act(*action)
        process.store._look()
        revived = process.revive()
        for pid, offset in process.came_with.items():
            left = plain(revived.give(Wanted("/", pid, offset, 10_000)))
            assert left == process.said(pid)
        process.store.clear()
