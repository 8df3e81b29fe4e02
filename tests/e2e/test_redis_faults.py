"""Two servers joined by Redis pub/sub while Redis, or the way to it, does what it shouldn't."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from rtserver import RedisManager, StartError
from tests.unit.server.harness import FakeSession, Harness

from .harness.faulty_proxy import FaultyProxy
from .harness.redis import RedisServer, replicated

PATIENCE = 20.0
"""Seconds in which what a test waits for happens, on a busy machine as well."""


class Member:
    """A server of the cluster, with one client."""

    def __init__(self, url: str, **options: Any) -> None:
        options = {"heartbeat_interval": 0.1, "heartbeat_timeout": 1.0} | options
        self.manager = RedisManager(url, **options)
        self.harness = Harness(manager=self.manager)
        self.sio = self.harness.sio
        self.client: FakeSession
        self.sid = ""

    async def start(self) -> Member:
        await self.sio.start()
        self.client = self.harness.session()
        self.sid = self.client.join()
        return self

    @property
    def uid(self) -> str:
        return self.manager._bus.uid

    async def knows(self, *others: Member) -> None:
        """Wait until it knows others by name, and they are subscribed."""
        uids = {other.uid for other in others}

        async with asyncio.timeout(PATIENCE):
            while (await self.manager._bus.census("/")).uids != uids:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def is_connected(self) -> None:
        await until(lambda: self.manager.status().connected)

    async def is_deaf(self) -> None:
        await until(lambda: self.manager.status().deaf_for > 0)

    async def hears(self, *texts: str) -> None:
        """Check that its client is sent exactly these."""
        await until(lambda: len(self.client.sent) >= len(texts))
        assert self.client.take() == list(texts)


async def until(condition: Callable[[], Any]) -> None:
    """Wait for what takes seconds, and leave the processor to others meanwhile."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


class Members:
    """Makes servers, which stop with the test."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    async def __call__(self, *urls: str, **options: Any) -> list[Member]:
        members = [Member(url, **options) for url in urls]
        for member in members:
            await member.start()
            self._stack.push_async_callback(member.sio.shutdown)
        for member in members:
            if all(each.manager.status().connected for each in members):
                await member.knows(*(other for other in members if other is not member))
        return members


@pytest.fixture
async def members() -> AsyncIterator[Members]:
    async with AsyncExitStack() as stack:
        yield Members(stack)


async def test_redis_is_restarted(
    members: Members, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = await members(redis_server.url, redis_server.url)
    await two.sio.enter_room(two.sid, "room")
    await redis_server.kill()
    await one.is_deaf()
    await two.is_deaf()
    await until(lambda: not one.manager.status().connected)
    for number in range(100):
        await one.sio.emit("away", number)
    await one.hears(*(f'42["away",{number}]' for number in range(100)))
    assert one.manager.status().waiting_bytes > 0
    await redis_server.restart()
    # What waited is sent when both are subscribed again, whoever was first.
    await two.hears(*(f'42["away",{number}]' for number in range(100)))
    await one.is_connected()
    await two.sio.emit("back", room="room")
    await one.sio.emit("back", room="room")
    await two.hears('42["back"]', '42["back"]')
    status = one.manager.status()
    assert (status.reconnects, status.dropped) == (2, 0)
    assert status.deaf_seconds > 0
    assert "the connection for messages of other servers is lost" in caplog.text
    assert "messages of other servers arrive; for" in caplog.text


async def test_what_can_not_be_kept_is_reported(
    members: Members, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = await members(redis_server.url, redis_server.url, max_waiting=10_000)
    await redis_server.kill()
    await two.is_deaf()
    await until(lambda: not one.manager.status().connected)
    for number in range(100):
        await one.sio.emit("away", ["x" * 500, number])
    assert one.manager.status().waiting_bytes <= 10_000
    dropped = one.manager.status().dropped
    assert 80 < dropped < 100
    assert "messages for other servers were dropped so far, as more than 10000 bytes wait" in caplog.text
    await redis_server.restart()
    await until(lambda: len(two.client.sent) >= 100 - dropped)
    assert [str(text).endswith(f",{99}]]") for text in two.client.take()][-1]


@pytest.mark.parametrize("fault", ["SIGSTOP", "DEBUG SLEEP"])
async def test_redis_stands_still(members: Members, tmp_path: Path, fault: str) -> None:
    async with RedisServer(tmp_path, "--enable-debug-command", "yes") as server:
        one, two = await members(server.url, server.url)
        if fault == "SIGSTOP":
            server.freeze()
        else:
            client = one.manager._redis._connections.client
            sleep = asyncio.ensure_future(client.execute_command("DEBUG", "SLEEP", "3"))
        await one.is_deaf()
        await one.sio.emit("here")
        await one.hears('42["here"]')
        loop = asyncio.get_running_loop()
        begun = loop.time()
        sockets = await one.sio.timeout(0.5).fetch_sockets()
        assert loop.time() - begun < 5
        assert [socket.id for socket in sockets] == [one.sid]
        assert list(sockets.silent) == [two.uid]
        if fault == "SIGSTOP":
            server.resume()
        else:
            await asyncio.gather(sleep, return_exceptions=True)
        await one.is_connected()
        await two.is_connected()
        await one.knows(two)
        two.client.take()  # what was written before it stood still may have come, as `unconfirmed` says
        await one.sio.emit("back")
        await until(lambda: '42["back"]' in two.client.sent)
        assert one.manager.status().deaf_seconds > 0


async def test_a_half_open_connection_is_noticed(members: Members, redis_server: RedisServer) -> None:
    async with FaultyProxy(redis_server.port) as proxy:
        url = proxy.url.replace("http", "redis")
        one, two = await members(url, redis_server.url)
        for link in list(proxy.links):
            link.swallow()
        await until(lambda: one.manager.status().reconnects == 2)
        await one.is_connected()
        # Redis still counts the dead connections as subscribed; nobody waits for them.
        await two.knows(one)
        sockets = await two.sio.timeout(5).fetch_sockets()
        assert (len(sockets), sockets.silent) == (2, ())
        assert (await two.manager._bus.census("/")).count == 1
        await two.sio.emit("back")
        await until(lambda: '42["back"]' in one.client.sent)


async def test_a_cut_connection_is_made_again(members: Members, redis_server: RedisServer) -> None:
    async with FaultyProxy(redis_server.port) as proxy:
        one, two = await members(proxy.url.replace("http", "redis"), redis_server.url)
        for link in list(proxy.links):
            link.reset()
        await until(lambda: one.manager.status().reconnects == 2)
        await one.is_connected()
        await one.knows(two)
        await one.sio.emit("there")
        await two.hears('42["there"]')


async def test_a_server_that_does_not_answer_is_named(members: Members, redis_server: RedisServer) -> None:
    async with FaultyProxy(redis_server.port) as proxy:
        slow = {"heartbeat_timeout": 60.0}
        one, two, three = await members(
            redis_server.url, proxy.url.replace("http", "redis"), redis_server.url, **slow
        )
        for link in list(proxy.links):
            link.swallow()
        sockets = await one.sio.timeout(0.5).fetch_sockets()
        assert {socket.id for socket in sockets} == {one.sid, three.sid}
        assert list(sockets.silent) == [two.uid]
        await one.sio.emit("question", callback=lambda *answers: None)
        answers = await one.sio.timeout(0.5).emit_with_ack("question")
        assert (list(answers), list(answers.silent)) == ([], [two.uid])


async def test_redis_that_is_not_there_at_the_start(
    members: Members, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with RedisServer(tmp_path) as server:
        await server.kill()
        one, two = await members(server.url, server.url)
        assert "Redis can't be reached for publishing" in caplog.text
        await one.sio.emit("here")
        await one.hears('42["here"]')
        await server.restart()
        await one.is_connected()
        await two.is_connected()
        await one.knows(two)
        await one.sio.emit("there")
        await until(lambda: '42["there"]' in two.client.sent)


async def test_a_wrong_password_is_an_error(tmp_path: Path) -> None:
    async with RedisServer(tmp_path, "--requirepass", "secret") as server:
        for url in (server.url, server.url.replace("://", "://:wrong@")):
            with pytest.raises(StartError, match="Check user, password and database in the URL") as caught:
                await Member(url).start()
            assert "wrong" not in str(caught.value).replace("wrong number", "")


async def test_redis_is_replaced_by_its_replica(members: Members, tmp_path: Path) -> None:
    async with replicated(tmp_path) as (master, sentinel):
        one, two = await members(sentinel.url, sentinel.url)
        await master.kill()
        await until(lambda: not one.manager.status().connected)
        await two.is_deaf()
        await one.sio.emit("away")
        await one.hears('42["away"]')
        await two.hears('42["away"]')
        await one.knows(two)
        await two.sio.emit("back")
        await one.hears('42["back"]')
