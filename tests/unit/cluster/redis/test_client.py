from __future__ import annotations

from unittest.mock import AsyncMock, patch

import pytest
import redis
import redis.asyncio
from redis.asyncio import Redis

from rtserver.cluster.redis.client import BLOCKING, connect, count_subscriptions, sentinels_of
from rtserver.ids import new_sid


@pytest.mark.parametrize("url", ["redis://127.0.0.1:7000/2", "rediss://127.0.0.1", "unix:///run/redis.sock"])
def test_a_single_redis(url: str) -> None:
    assert isinstance(connect(url), redis.asyncio.Redis)
    assert isinstance(connect(url, BLOCKING), redis.Redis)


def test_a_redis_of_sentinels() -> None:
    client = connect("redis+sentinel://user:p%40ss@one,two:7000/main/3")
    pool = client.connection_pool
    assert pool.service_name == "main"
    sentinels = [sentinel.connection_pool.connection_kwargs for sentinel in pool.sentinel_manager.sentinels]
    places = [(each["host"], each["port"]) for each in sentinels]
    assert places == [("one", 26379), ("two", 7000)]
    settings = pool.connection_kwargs
    assert (settings["username"], settings["password"], settings["db"]) == ("user", "p@ss", 3)


def test_a_cluster() -> None:
    assert isinstance(connect("redis+cluster://127.0.0.1"), redis.asyncio.RedisCluster)


@pytest.mark.parametrize(
    "url",
    [
        "http://user:secret@redis",
        "redis+sentinel://secret:secret@host",
        "amqp://host/?password=secret",
        "user:secret@host:6379",
        "user:p@:secret@host?password=secret",
    ],
)
def test_a_url_that_is_none_is_named_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="received the Redis URL") as caught:
        connect(url)
    assert ":secret" not in str(caught.value)
    assert "=secret" not in str(caught.value)


async def test_subscriptions_are_counted(shared_redis: str) -> None:
    async with Redis.from_url(shared_redis) as client, client.pubsub() as pubsub:
        key = new_sid()
        await pubsub.subscribe(key)
        await pubsub.get_message(timeout=10)
        await pubsub.ssubscribe(f"{key} sharded")
        await pubsub.get_message(timeout=10)
        assert await count_subscriptions(client, "NUMSUB", [key, "none"]) == {key: 1, "none": 0}
        names = [f"{key} sharded", key]
        assert await count_subscriptions(client, "SHARDNUMSUB", names) == dict(
            zip(names, (1, 0), strict=True)
        )


class Node:
    """One of a Redis Cluster, which counts its own subscriptions."""

    def __init__(self, *counts: int) -> None:
        self._counts = counts

    async def execute_command(self, *command: str) -> list[bytes | int]:
        if not self._counts:
            raise redis.exceptions.ConnectionError("it is away")
        pairs = zip(command[2:], self._counts, strict=True)
        return [part for name, count in pairs for part in (name.encode(), count)]


async def test_those_of_all_nodes_that_can_be_reached_are_added_up() -> None:
    client = connect("redis+cluster://127.0.0.1")
    with patch.object(client, "initialize", AsyncMock()):
        with patch.object(client, "get_nodes", lambda: [Node(1, 0), Node(), Node(2, 5)]):
            assert await count_subscriptions(client, "SHARDNUMSUB", ["a", "b"]) == {"a": 3, "b": 5}
        with (
            patch.object(client, "get_nodes", lambda: [Node()]),
            pytest.raises(redis.exceptions.ConnectionError, match="it is away"),
        ):
            await count_subscriptions(client, "SHARDNUMSUB", ["a"])


async def test_the_clients_of_sentinels_are_found() -> None:
    client = connect("redis+sentinel://one,two/main")
    assert len(sentinels_of(client)) == 2
    assert sentinels_of(connect("redis://127.0.0.1")) == ()
    assert sentinels_of(connect("redis+cluster://127.0.0.1")) == ()
