from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from redis.asyncio import Redis

from rtserver.cluster.message import Message
from rtserver.cluster.redis.manager import RedisManager
from rtserver.cluster.redis.streams import bus as bus_module
from rtserver.cluster.redis.streams.bus import StreamsBus
from rtserver.ids import new_sid
from rtserver.server.recovery.options import ConnectionStateRecovery
from tests.support.engine import until
from tests.unit.server.harness import Harness

Make = Callable[..., Awaitable["Member"]]


class Member:
    """A server in streams mode, with the client of a test."""

    def __init__(self, url: str, key: str, stream_count: int = 1, **settings: Any) -> None:
        self.manager = RedisManager(url, "streams", key=key, stream_count=stream_count)
        self.harness = Harness(manager=self.manager, **settings)
        self.sio = self.harness.sio

    @property
    def bus(self) -> StreamsBus:
        bus = self.manager._bus
        assert isinstance(bus, StreamsBus)
        return bus


@pytest.fixture
def key() -> str:
    return f"test-{new_sid()}"


@pytest.fixture
async def member(shared_redis: str, key: str) -> AsyncIterator[Make]:
    members = []

    async def make(**settings: Any) -> Member:
        member = Member(shared_redis, key, **settings)
        members.append(member)
        await member.sio.start()
        return member

    yield make
    for each in members:
        await each.sio.shutdown()


@pytest.fixture
async def redis(shared_redis: str) -> AsyncIterator[Any]:
    async with Redis.from_url(shared_redis) as redis:
        yield redis


async def test_an_event_is_an_entry_as_nodes_adapter_has_it(member: Make, redis: Any, key: str) -> None:
    one = await member()
    await one.sio.emit("ev", (1, {"a": "b"}), room="r1")
    await until(lambda: one.bus._stream("/").log.read_back == 1)
    ((_, fields),) = await redis.xrange(key)
    assert json.loads(fields.pop(b"data")) == {
        "packet": {"type": 2, "data": ["ev", 1, {"a": "b"}]},
        "opts": {"rooms": ["r1"], "except": [], "flags": {}},
    }
    assert fields == {b"uid": one.bus.uid.encode(), b"nsp": b"/", b"type": b"3", b"seq": b"1"}
    assert len(one.bus.uid) == 16


async def test_what_nodes_adapter_writes_is_delivered(member: Make, redis: Any, key: str) -> None:
    one = await member()
    client = one.harness.session()
    client.join()
    data = '{"packet":{"type":2,"data":["ev",1]},"opts":{"rooms":[],"except":[],"flags":{}}}'
    await redis.xadd(key, {"uid": "a4d9938857504fe0", "nsp": "/", "type": "3", "data": data})
    await redis.xadd(key, {"uid": "a4d9938857504fe0", "nsp": "/elsewhere", "type": "3", "data": data})
    await redis.xadd(key, {"uid": "a4d9938857504fe0", "nsp": "/", "type": "3", "data": "!"})
    await redis.xadd(key, {"uid": "emitter", "nsp": "/", "type": "3", "data": data.replace("1", "2")})
    await until(lambda: len(client.sent) == 2)
    assert client.take() == ['42["ev",1]', '42["ev",2]'] or client.sent == []
    assert one.manager.status().violations == 1
    assert (await one.bus.census("/")).count == 0


async def test_several_streams(member: Make, redis: Any, key: str) -> None:
    one, two = await member(stream_count=4), await member(stream_count=4)
    namespaces = {"/my-namespace": f"{key}--3", "/chat": f"{key}-3", "/": f"{key}-3", "/news": f"{key}-2"}
    for server in (one, two):
        for namespace in namespaces:
            server.sio.on("event", lambda sid: None, namespace=namespace)
    for namespace, stream in namespaces.items():
        client = two.harness.session()
        client.join(namespace)
        await until(lambda stream=stream: two.bus._streams[stream].reader.started.is_set())  # type: ignore[misc]
        await one.sio.emit("ev", 1, namespace=namespace)
        await until(lambda client=client: bool(client.sent))  # type: ignore[misc]
        assert await redis.xlen(stream) >= 1
    assert two.manager.status().connected


async def test_what_came_twice_or_never_is_counted(member: Make, redis: Any, key: str) -> None:
    one = await member()
    entry = {
        "uid": "other",
        "nsp": "/",
        "type": "3",
        "data": '{"packet":{"data":["ev"]},"opts":{"rooms":[]}}',
    }
    client = one.harness.session()
    client.join()
    for seq in (1, 1, 4, 4, 4):
        await redis.xadd(key, {**entry, "seq": seq})
    status = one.manager.status
    await until(lambda: status().repeated == 3)
    assert (status().missing, status().gaps) == (2, 0)
    assert client.take() == ['42["ev"]'] * 2
    await redis.delete(key)
    link = one.bus._streams[key].reader._line.link
    assert link is not None
    link.drop("a test")
    await until(lambda: status().gaps == 1)


async def test_events_for_others_are_not_decoded(member: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus_module, "SMALL", 0)
    one, two = await member(), await member()
    client = two.harness.session()
    sid = client.join()
    decoded: list[Any] = []
    receive = two.bus._receive

    def take(message: Message) -> None:
        decoded.append(message.data["opts"]["rooms"])
        receive(message)

    two.bus._receive = take
    await one.sio.emit("ev", 1, room="elsewhere")
    await one.sio.emit("ev", 2, room=sid)
    await until(lambda: bool(client.sent))
    assert (client.sent, decoded) == (['42["ev",2]'], [[sid]])


async def test_own_events_come_back_with_their_offsets(member: Make, redis: Any, key: str) -> None:
    one = await member(recovery=ConnectionStateRecovery())
    client = one.harness.session()
    client.receive("0")
    client.take()
    await one.sio.emit("ev", 1)
    assert client.sent == []
    await until(lambda: bool(client.sent))
    ((id, _),) = await redis.xrange(key)
    assert client.take() == [f'42["ev",1,"{id.decode()}"]']


async def test_status_counts_every_connection(member: Make) -> None:
    one = await member()
    status = one.manager.status()
    assert (status.connected, status.reconnects) == (True, 0)
    for line in (one.bus._stream("/").reader._line, one.bus._stream("/").writer._line):
        assert line.link is not None
        line.link.drop("a test")
    await until(lambda: not one.manager.status().connected)
    await until(lambda: one.manager.status().connected and one.manager.status().reconnects == 2)
