"""Which client of redis-py a URL means."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel
from redis.exceptions import RedisClusterException, RedisError

__all__ = ["BLOCKING", "FAILURES", "Client", "answer", "connect", "count_subscriptions", "sentinels_of"]

Client = Any
"""A `redis.asyncio.Redis` or `redis.asyncio.RedisCluster`: what both have in common is used."""


class Classes(NamedTuple):
    """The classes of redis-py, which has all of them twice."""

    redis: Any
    cluster: Any
    sentinel: Any


ASYNC: Final = Classes(redis.asyncio.Redis, redis.asyncio.RedisCluster, redis.asyncio.sentinel.Sentinel)
BLOCKING: Final = Classes(redis.Redis, redis.RedisCluster, redis.sentinel.Sentinel)
"""For programs without an event loop."""

FAILURES: Final = (RedisError, RedisClusterException, OSError)
"""What redis-py raises when Redis can't be reached, or refuses; time-outs are among them."""

TIMEOUT: Final = 5.0
"""Seconds that connecting and answering may take."""
SENTINEL_PORT: Final = 26379


def connect(url: str, classes: Classes = ASYNC, **options: Any) -> Client:
    """Make a client, which connects when it is first used.

    Args:
        url: ``redis://``, ``rediss://`` (TLS) and ``unix://`` as redis-py has them;
            ``redis+sentinel://host1,host2:26380/name/0`` for the master of that name, by the Sentinels;
            ``redis+cluster://host`` for a Redis Cluster. With ``rediss+`` the last two use TLS.
        classes: Which of redis-py's clients is made.
        options: Further options for redis-py.

    Raises:
        ValueError: The URL is none of these.
    """
    options = {"socket_connect_timeout": TIMEOUT, "socket_timeout": TIMEOUT, **options}
    parts = urlsplit(url)
    if parts.scheme in ("redis", "rediss", "unix"):
        return classes.redis.from_url(url, **options)
    scheme, _, kind = parts.scheme.partition("+")
    if scheme in ("redis", "rediss") and kind == "cluster":
        return classes.cluster.from_url(urlunsplit(parts._replace(scheme=scheme)), **options)
    if scheme in ("redis", "rediss") and kind == "sentinel":
        return _by_sentinel(url, classes, scheme == "rediss", options)
    raise ValueError(
        f"received the Redis URL {_without_secret(url)!r}, expected one that begins with redis://, "
        "rediss://, unix://, redis+sentinel:// or redis+cluster://"
    )


def _by_sentinel(url: str, classes: Classes, secure: bool, options: dict[str, Any]) -> Client:
    parts = urlsplit(url)
    credentials, _, places = parts.netloc.rpartition("@")
    name, _, database = parts.path.strip("/").partition("/")
    if not places or not name:
        raise ValueError(
            f"received the Redis URL {_without_secret(url)!r}, expected "
            "redis+sentinel://host1,host2/name-of-the-master"
        )
    user, _, password = credentials.partition(":")
    sentinels = []
    for place in places.split(","):
        host, _, port = place.partition(":")
        sentinels.append((host, int(port or SENTINEL_PORT)))
    settings = {
        **options,
        **dict(parse_qsl(parts.query)),
        "username": unquote(user) or None,
        "password": unquote(password) or None,
        "db": int(database or 0),
        "ssl": secure,
    }
    sentinel = classes.sentinel(sentinels, sentinel_kwargs={**options, "ssl": secure})
    return sentinel.master_for(name, **settings)


def sentinels_of(client: Client) -> Sequence[Client]:
    """Return the clients of Sentinels that a client has, which it doesn't close."""
    manager = getattr(getattr(client, "connection_pool", None), "sentinel_manager", None)
    return () if manager is None else manager.sentinels


def _without_secret(url: str) -> str:
    """Return a URL as it may be logged."""
    parts = urlsplit(url)
    if not parts.netloc and "@" in url:  # the slashes are missing: anything before it may be the password
        parts = urlsplit(url.rpartition("@")[2])
    credentials, at, places = parts.netloc.rpartition("@")
    user = credentials.partition(":")[0]
    query = urlencode([(key, "…" if key == "password" else value) for key, value in parse_qsl(parts.query)])
    return urlunsplit(parts._replace(netloc=f"{user}:…{at}{places}" if at else places, query=query))


async def answer(command: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **options: Any) -> Any:
    """Return the answer to a command of a client.

    redis-py may swallow a cancellation, and with it the time-out of whoever waits. So the command runs in a
    task of its own. Nor does it know what uvloop raises where a connection has ended.

    Args:
        command: A method of the client.
        args: Its arguments.
        options: Further ones, by name.

    Raises:
        Exception: One of `FAILURES`.
    """
    try:
        return await _in_a_task(command(*args, **options))
    except RuntimeError:
        try:
            return await _in_a_task(command(*args, **options))
        except RuntimeError as error:
            raise redis.exceptions.ConnectionError(f"the connection has ended: {error}") from error


async def _in_a_task(command: Coroutine[Any, Any, Any]) -> Any:
    task = asyncio.ensure_future(command)
    task.add_done_callback(lambda task: task.cancelled() or task.exception())
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait([task], timeout=1)
        raise
    return task.result()


async def count_subscriptions(client: Client, command: str, channels: Sequence[str]) -> dict[str, int]:
    """Return how many subscriptions each of some channels has.

    In a Redis Cluster each node knows of its own only, and redis-py asks one of them: here all are asked, and
    what those say is added up that can be reached.

    Args:
        client: Redis.
        command: ``NUMSUB``, or ``SHARDNUMSUB`` for channels of sharded pub/sub.
        channels: Their names.
    """
    words = ("PUBSUB", command, *channels)
    if isinstance(client, redis.asyncio.RedisCluster):
        await answer(client.initialize)
        asked = [answer(node.execute_command, *words) for node in client.get_nodes()]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        counted = [each for each in answers if not isinstance(each, BaseException)]
        if not counted:
            raise next(each for each in answers if isinstance(each, BaseException))
    else:
        counted = [await answer(client.execute_command, *words)]
    total = dict.fromkeys(channels, 0)
    for each in counted:
        for name, count in zip(each[::2], each[1::2], strict=True):
            total[name.decode()] += count
    return total
