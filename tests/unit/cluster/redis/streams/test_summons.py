from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from rtserver.cluster.message import Kind, Message
from rtserver.cluster.redis.streams import summons as summons_module
from rtserver.cluster.redis.streams.summons import Summons
from tests.support.bus import Exchange, LoopBus
from tests.support.engine import until


class FakeKeeper:
    """Writes sessions at once."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fault: Exception | None = None
        self.ready = asyncio.Event()
        self.ready.set()

    async def written(self, pid: str) -> None:
        self.asked.append(pid)
        await self.ready.wait()
        if self.fault is not None:
            raise self.fault


class Server:
    """A server with at most one client, whose handlers end when a test says so."""

    def __init__(self, exchange: Exchange, uid: str, pid: str | None = None) -> None:
        self.bus = LoopBus(exchange, uid)
        self.keeper = FakeKeeper()
        self.summons = Summons(self.bus, cast("Any", self.keeper), lambda: False)
        self.summons.occupants = cast("Any", self)
        self.pid = pid
        self.released: list[str] = []
        self.received: list[Message] = []
        self.others: list[Message] = []
        self._then: Callable[[], object]

    async def start(self) -> Server:
        await self.bus.start(self._take)
        return self

    def _take(self, message: Message) -> None:
        self.received.append(message)
        if not self.summons.take(message):
            self.others.append(message)

    def release(self, namespace: str, pid: str, then: Callable[[], object]) -> None:
        self.released.append(pid)
        if pid == self.pid:
            self._then = then
        else:
            then()

    def end_handlers(self) -> None:
        assert self.pid is not None
        assert self.summons.frees(self.pid)
        self._then()


async def cluster(*pids: str | None) -> list[Server]:
    exchange = Exchange()
    return [await Server(exchange, f"server-{number}", pid).start() for number, pid in enumerate(pids)]


async def test_the_session_is_free_when_the_handlers_have_ended() -> None:
    new, old, other = await cluster(None, "pid", None)
    calling = asyncio.create_task(new.summons.call("/", "pid"))
    await until(lambda: old.released == ["pid"])
    await until(lambda: other.keeper.asked == ["pid"])
    assert not calling.done()
    old.end_handlers()
    await calling
    assert old.keeper.asked == ["pid"]


async def test_nobody_has_it() -> None:
    new, old, _ = await cluster(None, "another", None)
    await new.summons.call("/", "pid")
    assert (old.released, new.summons._questions) == (["pid"], {})
    assert not old.summons.frees("pid")


async def test_nobody_is_there() -> None:
    (new,) = await cluster(None)
    await new.summons.call("/", "pid")
    assert new.bus.exchange.sent == []


async def test_it_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summons_module, "PATIENCE", 0.01)
    new, old = await cluster(None, "pid")
    await new.summons.call("/", "pid")
    assert new.summons._questions == {}
    old.end_handlers()  # what comes now is for nobody
    await until(lambda: old.keeper.asked == ["pid"])


async def test_other_messages_are_left_to_others() -> None:
    new, old = await cluster(None, None)
    message = Message("server-0", "/", Kind.SERVER_SIDE_EMIT, {"packet": ["hello"]})
    new.bus.send(message)
    await until(lambda: old.others == [message])


async def test_a_session_that_does_not_get_to_redis_is_not_there() -> None:
    new, old = await cluster(None, "pid")
    old.keeper.fault = RedisConnectionError("the session isn't in Redis")
    calling = asyncio.create_task(new.summons.call("/", "pid"))
    await until(lambda: old.released == ["pid"])
    old.end_handlers()
    await calling
    assert [message.data["found"] for message in new.received] == [False]


async def test_at_the_end_nothing_more_is_answered() -> None:
    new, old = await cluster(None, "pid")
    calling = asyncio.create_task(new.summons.call("/", "pid"))
    old.keeper.ready.clear()
    await until(lambda: old.released == ["pid"])
    old.end_handlers()
    await until(lambda: old.keeper.asked == ["pid"])
    await old.summons.close()
    assert not old.summons._tasks
    calling.cancel()
