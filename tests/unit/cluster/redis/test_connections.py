"""Publisher and subscriber with a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from redis.asyncio.connection import AbstractConnection

from rtserver.cluster.message import Message
from rtserver.cluster.redis.connections import Connections
from rtserver.cluster.redis.link import INTERNALS
from rtserver.cluster.redis.manager import RedisManager
from rtserver.cluster.redis.publisher import Publisher
from rtserver.cluster.redis.subscriber import Subscription
from rtserver.errors import StartError
from rtserver.ids import new_sid
from tests.support.engine import until
from tests.unit.server.harness import Harness, turns


class Ends:
    """What a server has of Redis, and what it hears."""

    def __init__(self, url: str, sharded: bool = False) -> None:
        self.key = new_sid()
        self.python: list[Message] = []
        self.heard: list[tuple[str, bytes]] = []
        self.connections = Connections(
            url,
            "uid",
            self.key,
            sharded=sharded,
            python_channel=f"{self.key}-python",
            heartbeat_interval=0.02,
        )

    def subscribe(self, kind: Subscription, name: str) -> None:
        self.connections.subscriber.subscribe(kind, f"{self.key}{name}", self._take)

    def unsubscribe(self, kind: Subscription, name: str) -> None:
        self.connections.subscriber.unsubscribe(kind, f"{self.key}{name}")

    def publish(self, name: str, body: bytes, command: str = "PUBLISH") -> None:
        self.connections.publisher.send((command, f"{self.key}{name}", body))

    def _take(self, channel: bytes, body: bytes) -> None:
        if body == b"bad":
            raise ValueError("a bad message")
        self.heard.append((channel.decode().removeprefix(self.key), body))


@pytest.fixture(params=[2, 3], ids=["RESP2", "RESP3"])
async def ends(request: pytest.FixtureRequest, shared_redis: str) -> AsyncIterator[Ends]:
    ends = Ends(f"{shared_redis}?protocol={request.param}")
    ends.subscribe(Subscription.CHANNEL, "#early")
    await ends.connections.start(ends.python.append)
    yield ends
    await ends.connections.close()


def test_the_internals_of_redis_py_are_there() -> None:
    assert [name for name in INTERNALS if name not in AbstractConnection.__slots__] == []


async def test_messages_of_channels_patterns_and_shards_arrive_in_order(ends: Ends) -> None:
    ends.subscribe(Subscription.CHANNEL, "#late")
    ends.subscribe(Subscription.PATTERN, "#room#*")
    ends.subscribe(Subscription.SHARD, "#shard")
    ends.publish("#early", b"1")
    ends.publish("#room#7#", b"2")
    ends.publish("#shard", b"3", "SPUBLISH")
    for number in range(1000):
        ends.publish("#late", b"%d" % number)
    await until(lambda: len(ends.heard) == 1003)
    assert ends.heard[:3] == [("#early", b"1"), ("#room#7#", b"2"), ("#shard", b"3")]
    assert ends.heard[3:] == [("#late", b"%d" % number) for number in range(1000)]
    await until(lambda: ends.connections.publisher.size == 0)


async def test_what_is_unsubscribed_is_not_heard(ends: Ends) -> None:
    ends.unsubscribe(Subscription.CHANNEL, "#early")
    ends.unsubscribe(Subscription.CHANNEL, "#never")
    ends.subscribe(Subscription.CHANNEL, "#end")
    ends.publish("#early", b"1")
    ends.publish("#end", b"2")
    await until(lambda: ends.heard == [("#end", b"2")])


async def test_a_message_that_fails_does_not_stop_others(
    ends: Ends, caplog: pytest.LogCaptureFixture
) -> None:
    ends.publish("#early", b"bad")
    ends.publish("#early", b"good")
    await until(lambda: ends.heard == [("#early", b"good")])
    assert "a message from Redis on" in caplog.text


async def test_large_messages_leave_piece_by_piece(ends: Ends) -> None:
    for number in range(100):
        ends.publish("#early", bytes([number]) * 100_000)
    await until(lambda: len(ends.heard) == 100)
    assert [body[:1] for _, body in ends.heard] == [bytes([number]) for number in range(100)]


async def test_it_proves_that_it_hears(ends: Ends) -> None:
    await until(lambda: ends.connections.status().lag is not None)
    status = ends.connections.status()
    assert (status.connected, status.deaf_for, status.reconnects) == (True, 0, 0)
    assert (status.dropped, status.unconfirmed, status.refused, status.pickled) == (0, 0, 0, 0)


async def test_a_refused_command_is_counted(ends: Ends, caplog: pytest.LogCaptureFixture) -> None:
    ends.connections.publisher.send(("PUBLISH", "too", "many", "arguments"))
    ends.publish("#early", b"1")
    await until(lambda: len(ends.heard) == 1)
    await until(lambda: ends.connections.status().refused == 1)
    assert "Redis has refused a message for other servers, 1 so far: ERR wrong number" in caplog.text


async def test_messages_of_python_socketio_are_heard(ends: Ends) -> None:
    channel = "-python"
    ends.publish(channel, b'{"method":"disconnect","sid":"s1","namespace":"/","host_id":"h"}')
    ends.publish(channel, b"\x80\x04.")
    ends.publish(channel, b"{}")
    await until(lambda: ends.connections.violations == 1)
    assert [message.uid for message in ends.python] == ["h"]
    assert ends.connections.status().pickled == 1


async def test_the_heartbeat_may_be_sharded(shared_redis: str) -> None:
    ends = Ends(shared_redis, sharded=True)
    await ends.connections.start(ends.python.append)
    await until(lambda: ends.connections.status().lag is not None)
    await ends.connections.close()


async def test_what_is_sent_in_one_turn_leaves_in_one_write(ends: Ends) -> None:
    publisher = ends.connections.publisher
    assert isinstance(publisher, Publisher)
    link = publisher._line.link
    assert link is not None
    written: list[bytes] = []
    transport: Any = link._transport
    link._transport = cast(Any, SimpleNamespace(write=written.append))
    for _ in range(10):
        ends.publish("#early", b"1")
    await turns()
    link._transport = transport
    [data] = written
    assert data.count(b"PUBLISH") == 10
    link.write(data)
    await until(lambda: len(ends.heard) == 10)


async def test_what_waits_is_sent_before_the_end(shared_redis: str) -> None:
    one, other = Ends(shared_redis), Ends(shared_redis)
    other.key = one.key
    other.subscribe(Subscription.CHANNEL, "#early")
    await asyncio.gather(*(ends.connections.start(ends.python.append) for ends in (one, other)))
    for number in range(100):
        one.publish("#early", b"%d" % number)
    await one.connections.close()
    await until(lambda: len(other.heard) == 100)
    await other.connections.close()


@pytest.mark.parametrize("suffix", ["?username=nobody&password=wrong", "?db=99"])
async def test_what_redis_refuses_is_an_error_at_the_start(shared_redis: str, suffix: str) -> None:
    ends = Ends(f"{shared_redis}{suffix}")
    with pytest.raises(StartError, match="Check user, password"):
        await ends.connections.start(ends.python.append)


async def test_a_name_that_utf_8_has_no_form_for_is_no_failure(shared_redis: str) -> None:
    server = Harness(manager=RedisManager(shared_redis, key=new_sid()))
    await server.sio.start()
    sid = (client := server.session()).join()
    await server.sio.enter_room(sid, "a\ud800")
    await server.sio.emit("event", room="a\ud800")
    assert client.take() == ['42["event"]']
    await server.sio.shutdown()
