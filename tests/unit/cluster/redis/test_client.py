from __future__ import annotations

import pytest
import redis
import redis.asyncio

from rtserver.cluster.redis.client import BLOCKING, connect


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
    "url", ["http://user:secret@redis", "redis+sentinel://secret:secret@host", "amqp://host/?password=secret"]
)
def test_a_url_that_is_none_is_named_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="received the Redis URL") as caught:
        connect(url)
    assert ":secret" not in str(caught.value)
    assert "=secret" not in str(caught.value)
