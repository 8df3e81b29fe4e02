"""Who is in the cluster, with a Redis that has counted what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
from redis.exceptions import ConnectionError as Unreachable

from rtserver.cluster.message import Kind, Message
from rtserver.cluster.peers import EXPIRY
from rtserver.cluster.redis import roll as roll_module
from rtserver.cluster.redis.connections import Connections
from rtserver.cluster.redis.hearing import Hearing
from rtserver.cluster.redis.roll import Roll
from tests.support.engine import until


class Fixed:
    """A server's connections to a Redis that counts subscriptions as it is told."""

    def __init__(self, **counts: int) -> None:
        self.counts: Mapping[str, int] = counts
        self.fails = False
        self.sent: list[Kind] = []
        self.hearing = Hearing()
        self.publisher = SimpleNamespace(before_resuming=None)
        connections = SimpleNamespace(
            uid="own",
            client=self,
            publisher=self.publisher,
            subscriber=SimpleNamespace(hearing=self.hearing),
        )
        self.roll = Roll(
            cast(Connections, connections),
            lambda message: self.sent.append(message.kind),
            lambda namespace, uid: uid,
            "NUMSUB",
        )
        self.hearing.begin(asyncio.get_running_loop().time())
        self.hearing.again(asyncio.get_running_loop().time())

    async def execute_command(self, *words: str) -> list[Any]:
        if self.fails:
            raise Unreachable
        return [each for name in words[2:] for each in (name.encode(), self.counts.get(name, 0))]

    def hear(self, uid: str, kind: Kind = Kind.HEARTBEAT) -> None:
        assert self.roll.take(Message(uid, "/", kind, {})) is (kind is not Kind.CLOSE)

    async def census(self) -> tuple[int, set[str]]:
        census = await self.roll.census("/", "all")
        return census.count, set(census.uids)


async def test_servers_are_counted_and_those_that_send_heartbeats_are_known() -> None:
    fixed = Fixed(all=4, own=1, a=1)
    fixed.hear("a")
    assert await fixed.census() == (3, {"a"})


async def test_connections_that_are_dead_are_not_counted() -> None:
    fixed = Fixed(all=7, own=2, a=2, dead=1)
    fixed.hear("dead")
    fixed.roll._peers._heard["dead"] -= EXPIRY + 1
    fixed.hearing.since -= EXPIRY + 1
    fixed.hear("a")
    assert await fixed.census() == (3, {"a"})  # and two of Node's


async def test_who_has_left_is_not_known() -> None:
    fixed = Fixed(all=2, own=1, a=1)
    fixed.hear("a")
    fixed.hear("a", Kind.CLOSE)
    assert await fixed.census() == (1, set())


async def test_who_sends_no_heartbeats_any_more_is_said_to_have_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roll_module, "BEAT", 0.001)
    fixed = Fixed()
    gone: list[Message] = []
    for uid in ("a", "b", "c"):
        fixed.hear(uid)
    fixed.hear("c", Kind.CLOSE)
    fixed.roll.start(gone.append)
    fixed.roll._peers._heard["a"] -= EXPIRY + 1
    fixed.hearing.since -= EXPIRY + 1
    await until(lambda: gone)
    assert gone == [Message("a", "/", Kind.CLOSE, {})]
    fixed.hear("a")  # it only stood still
    fixed.roll._peers._heard["a"] -= EXPIRY + 1
    await until(lambda: len(gone) > 1)
    assert gone == [Message("a", "/", Kind.CLOSE, {})] * 2
    await fixed.roll.close()


async def test_without_redis_those_are_counted_that_are_known() -> None:
    fixed = Fixed(all=3, own=1, a=1)
    fixed.hear("a")
    fixed.fails = True
    assert await fixed.census() == (1, {"a"})
    fixed.hearing.lose(asyncio.get_running_loop().time(), "gone")
    fixed.roll._peers._heard["a"] -= EXPIRY + 1
    assert await fixed.census() == (1, {"a"})


async def test_who_comes_is_greeted() -> None:
    fixed = Fixed()
    fixed.hear("a", Kind.INITIAL_HEARTBEAT)
    assert fixed.sent == [Kind.HEARTBEAT]
    assert not fixed.roll.take(Message("a", "/", Kind.FETCH, {}))


async def test_it_is_waited_for_until_those_hear_again_that_were_there() -> None:
    fixed = Fixed(own=1)
    fixed.hear("a")
    fixed.fails = True
    waiting = asyncio.ensure_future(fixed.publisher.before_resuming())
    for counts in ({"own": 1}, {"a": 1}):
        await asyncio.sleep(0.06)
        fixed.fails, fixed.counts = False, counts
        assert not waiting.done()
    fixed.counts = {"own": 1, "a": 1}
    await until(waiting.done)
