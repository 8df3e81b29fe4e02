"""What of sessions goes to Redis, and who comes back; the rest is in tests/contract and tests/e2e."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any, cast

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from rtserver.cluster.redis.streams.entries import encode
from rtserver.cluster.redis.streams.offsets import Offset, StreamId
from rtserver.cluster.redis.streams.session import StreamSession, decode
from rtserver.cluster.redis.streams.store import MARKS, StreamStore
from rtserver.engineio.outgoing import Outgoing
from rtserver.server.counters import Counters
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.server.recovery.store import Restored
from rtserver.server.target import Target
from tests.support.engine import until
from tests.unit.cluster.redis.streams.test_replay import FakeStream, event
from tests.unit.server.harness import manual_clock

UNNOTICED = 16.0


class FakeKeeper:
    """Redis, for sessions."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.failures = 0
        self.ready = asyncio.Event()
        self.ready.set()

    def save(self, pid: str, value: bytes) -> None:
        self.values[pid] = value

    def update(self, pid: str, value: bytes) -> None:
        if pid in self.values:
            self.values[pid] = value

    async def peek(self, pid: str) -> bytes | None:
        if self.failures:
            self.failures -= 1
            raise RedisConnectionError("away")
        return self.values.get(pid)

    async def take(self, pid: str) -> bytes | None:
        await self.ready.wait()
        return self.values.pop(pid, None)


class FakeSummons:
    """Nobody else has a session."""

    def __init__(self) -> None:
        self.called: list[str] = []
        self.occupants: Any = None

    async def call(self, namespace: str, pid: str) -> None:
        self.called.append(pid)

    def frees(self, pid: str) -> bool:
        return False

    def may_come(self) -> bool:
        return False


class FakeSink:
    """Encodes events readably."""

    def encode(self, target: Target, args: list[Any], offset: str) -> Outgoing:
        return Outgoing(f"{args[0]} {offset}".encode())


class Stored:
    """A store with everything around it."""

    def __init__(self) -> None:
        self.stream = FakeStream()
        self.keeper = FakeKeeper()
        self.summons = FakeSummons()
        self.loop, clock = manual_clock()
        self.counters = Counters()
        self.store = StreamStore(
            lambda namespace: self.stream,
            cast("Any", self.keeper),
            cast("Any", self.summons),
            cast("Any", FakeSink()),
            ConnectionStateRecovery(),
            unnoticed=UNNOTICED,
            clock=lambda: clock,
            counters=self.counters,
        )

    def add(self, *names: str) -> None:
        self.stream.add(*(encode(event(name)) for name in names))
        self.stream.read_all()

    def left(self, *rooms: str) -> StreamSession:
        """Make a session, and let its client go."""
        session = self.store.open("/", "sid")
        session.rooms = rooms
        return self.leave(session)

    def leave(self, session: StreamSession) -> StreamSession:
        session.lost_at = None
        self.store.save(session)
        self.store.update(session)
        return session

    async def back(self, pid: str, offset: str | None = None, limit: int = 1000) -> Restored | None:
        restored = self.store.restore("/", pid, offset, limit)
        return await restored if isinstance(restored, Awaitable) else restored


@pytest.fixture
async def stored() -> Stored:
    return Stored()


async def test_a_client_comes_back_once(stored: Stored) -> None:
    stored.add("1")
    session = stored.left("a")
    assert session.pid.startswith("own.")
    stored.add("2", "3")
    restored = await stored.back(session.pid)
    assert restored is not None
    assert [outgoing.text for outgoing in restored.missed] == [b"2 2-0", b"3 3-0"]
    assert (restored.session.sid, restored.session.rooms) == ("sid", ("a",))
    assert await stored.back(session.pid) is None
    assert stored.counters.recoveries_unknown == 1


async def test_what_is_not_received_is_missed_again(stored: Stored) -> None:
    stored.add("1")
    session = stored.left("a")
    stored.add("2")
    restored = await stored.back(session.pid)
    assert restored is not None
    assert isinstance(restored.session, StreamSession)
    stored.leave(restored.session)
    restored = await stored.back(session.pid)
    assert restored is not None
    assert [outgoing.text for outgoing in restored.missed] == [b"2 2-0"]


async def test_what_was_sent_before_a_heartbeat_is_not_needed(stored: Stored) -> None:
    session = stored.store.open("/", "sid")
    late = stored.store.open("/", "late")
    stored.add("1")
    stored.loop.advance(UNNOTICED / 2)
    late.opened_at = stored.store._clock().now()
    stored.loop.advance(UNNOTICED * 3 / 4)
    stored.add("2")
    stored.leave(session)
    stored.leave(late)
    assert decode(stored.keeper.values[session.pid]).begin == Offset(StreamId(1, 0), 0, "")
    assert decode(stored.keeper.values[late.pid]).begin.id == StreamId(0, 0)
    assert MARKS > 1


@pytest.mark.parametrize(
    ("pid", "offset"), [("no pid", None), ("x" * 65, None), ("own.x", "no offset"), ("own.x", "1-2-3")]
)
async def test_claims_that_nobody_was_told(stored: Stored, pid: str, offset: str | None) -> None:
    assert stored.store.restore("/", pid, offset, 1000) is None
    assert stored.counters.recoveries_unknown == 1


async def test_others_are_asked_only_for_sessions_of_ours(stored: Stored) -> None:
    for pid in ("other.x", "nodes"):
        assert await stored.back(pid, "1-0") is None
    assert stored.summons.called == ["other.x"]


async def test_too_much_was_missed(stored: Stored) -> None:
    stored.add("1")
    session = stored.left("a")
    stored.add("2", "3")
    assert await stored.back(session.pid, limit=10) is None
    session = stored.left("a")
    stored.stream.first = 9
    assert await stored.back(session.pid) is None
    assert stored.counters.recoveries_too_old == 2


async def test_redis_is_waited_for(stored: Stored) -> None:
    stored.add("1")
    session = stored.left()
    stored.keeper.failures = 2
    assert await stored.back(session.pid) is not None


async def test_another_namespace_does_not_take_a_session(stored: Stored) -> None:
    session = stored.left()
    restored = stored.store.restore("/chat", session.pid, None, 1000)
    assert restored is not None
    assert await restored is None
    assert session.pid in stored.keeper.values


async def test_data_that_can_not_be_kept(stored: Stored, caplog: pytest.LogCaptureFixture) -> None:
    session = stored.store.open("/", "sid")
    session.data = {"key": object()}
    with caplog.at_level(logging.ERROR):
        stored.leave(session)
    assert stored.keeper.values == {}
    assert "the session of client sid can't be kept" in caplog.text


async def test_who_must_not_come_back_is_deleted(stored: Stored) -> None:
    session = stored.left()
    stored.store.discard(session)
    stored.store.update(session)
    await until(lambda: not stored.keeper.values)
    stored.store.discard(session)
    stored.store.discard(stored.store.open("/", "sid"))
    stored.store.clear()


async def test_at_the_end_nothing_is_under_way(stored: Stored) -> None:
    stored.keeper.ready.clear()
    stored.store.discard(stored.left())
    assert stored.store._tasks
    await stored.store.close()
    assert not stored.store._tasks
    stored.store.clear()


async def test_a_record_that_nobody_understands(stored: Stored, caplog: pytest.LogCaptureFixture) -> None:
    stored.keeper.values["nodes"] = b"!"
    assert await stored.back("nodes", "1-0") is None
    assert "Redis has" in caplog.text
