"""`RedisManager`: the servers of a cluster, of Python and of Node.js, joined by Redis."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from rtserver.cluster.clustered import ClusterManager
from rtserver.cluster.redis.bus import RedisBus
from rtserver.cluster.redis.channels import KEY, Channels
from rtserver.cluster.redis.connections import Connections
from rtserver.cluster.redis.foreign import CHANNEL
from rtserver.cluster.redis.forms import (
    MAX_LENGTH,
    Mode,
    SubscriptionMode,
    check_subscription_mode,
)
from rtserver.cluster.redis.publisher import LIMIT
from rtserver.cluster.redis.pubsub import PubSubBus
from rtserver.cluster.redis.sharded import ShardedBus
from rtserver.cluster.redis.status import RedisStatus
from rtserver.cluster.redis.streams.bus import StreamsBus
from rtserver.cluster.redis.streams.names import StreamNames
from rtserver.cluster.redis.streams.stream import StreamOptions
from rtserver.cluster.redis.subscriber import INTERVAL, PATIENCE
from rtserver.ids import new_sid
from rtserver.server.manager import PEER_TIMEOUT

__all__ = ["BUSES", "BusOptions", "RedisManager", "SubscriptionMode"]

PUBSUB_UID_LENGTH: Final = 6
"""Characters of a server's id, as in redis-adapter."""
UID_BYTES: Final = 8
"""Bytes of a server's id, in hexadecimal, as in the cluster adapter."""
ELSEWHERE: Final[Mapping[str, str]] = {
    "channel": "the channel of python-socketio's managers is `python_channel`",
    "write_only": "a manager that only emits is `rtserver.Emitter`, or `rtserver.BlockingEmitter`",
    "logger": "the logger is `rtserver.cluster`",
}
"""Parameters of python-socketio's manager that this one hasn't, and what is there instead."""


@dataclass(frozen=True, slots=True)
class BusOptions:
    """What the bus of a mode is made of."""

    url: str
    key: str
    subscription_mode: SubscriptionMode
    max_length: int
    stream_count: int
    connections: Mapping[str, Any]
    """Keyword arguments for `Connections`, those of redis-py among them."""


def _pubsub(options: BusOptions) -> RedisBus:
    uid = new_sid()[:PUBSUB_UID_LENGTH]
    return PubSubBus(Connections(options.url, uid, options.key, **options.connections), Channels(options.key))


def _sharded(options: BusOptions) -> RedisBus:
    uid = secrets.token_hex(UID_BYTES)
    connections = Connections(options.url, uid, options.key, sharded=True, **options.connections)
    return ShardedBus(connections, Channels(options.key), options.subscription_mode)


def _streams(options: BusOptions) -> RedisBus:
    connections = Connections(options.url, secrets.token_hex(UID_BYTES), options.key, **options.connections)
    stream = StreamOptions(options.max_length, options.connections["max_waiting"])
    names = StreamNames(options.key, options.stream_count)
    return StreamsBus(connections, Channels(options.key), names, stream)


BUSES: Final[dict[str, Callable[[BusOptions], RedisBus]]] = {
    "pubsub": _pubsub,
    "sharded": _sharded,
    "streams": _streams,
}
"""What makes the bus of each mode."""


class RedisManager(ClusterManager):
    """Joins this server to others, of Python or of Node.js, by Redis.

        sio = rtserver.Server(client_manager=rtserver.RedisManager("redis://127.0.0.1:6379"))

    Args:
        url: Where Redis is: ``redis://``, ``rediss://``, ``unix://``, ``redis+sentinel://`` or
            ``redis+cluster://``.
        mode: What carries the messages: ``"pubsub"``, ``"sharded"`` or ``"streams"``, as on all servers.
        key: What the names of channels begin with; in streams mode the stream's name, too.
        subscription_mode: Which rooms have channels of their own in sharded mode, as on all servers:
            ``"dynamic"``, ``"static"`` or ``"dynamic-private"``.
        max_length: How many entries a stream keeps, about.
        stream_count: How many streams there are, as on all servers: each namespace has one of them.
        python_channel: The channel of python-socketio's managers, whose emits are for clients here as well;
            None to hear nothing of them.
        max_waiting: Bytes for other servers that wait at most while Redis doesn't take them.
        request_timeout: Seconds that other servers have for an answer where the application sets no time-out.
        heartbeat_interval: Seconds between two messages of this server to itself, over Redis.
        heartbeat_timeout: Seconds that such a message may take; then the connection is made again.
        redis_options: Options of redis-py's client, as python-socketio's manager takes them.
        options: The same.

    Raises:
        ValueError: The URL, the mode or the subscription mode is none of these.
        TypeError: A parameter of python-socketio's manager is given that has another name here.
    """

    def __init__(
        self,
        url: str = "redis://localhost:6379/0",
        mode: Mode = "pubsub",
        *,
        key: str = KEY,
        subscription_mode: SubscriptionMode = "dynamic",
        max_length: int = MAX_LENGTH,
        stream_count: int = 1,
        python_channel: str | None = CHANNEL,
        max_waiting: int = LIMIT,
        request_timeout: float = PEER_TIMEOUT,
        heartbeat_interval: float = INTERVAL,
        heartbeat_timeout: float = PATIENCE,
        redis_options: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        for name in ELSEWHERE.keys() & options.keys():
            raise TypeError(f"RedisManager has no parameter {name!r}: {ELSEWHERE[name]}")
        if mode not in BUSES:
            raise ValueError(f"received the mode {mode!r}, expected one of {', '.join(BUSES)}")
        check_subscription_mode(subscription_mode)
        bus_options = BusOptions(
            url,
            key,
            subscription_mode,
            max_length,
            stream_count,
            {
                "python_channel": python_channel,
                "max_waiting": max_waiting,
                "heartbeat_interval": heartbeat_interval,
                "heartbeat_timeout": heartbeat_timeout,
                **(redis_options or {}),
                **options,
            },
        )
        self._redis: RedisBus = BUSES[mode](bus_options)
        super().__init__(self._redis)
        self.request_timeout = request_timeout

    def status(self) -> RedisStatus:
        """Return how this server stands with Redis: what a readiness check or a metric asks for."""
        status = self._redis.status()
        return replace(status, violations=status.violations + self.violations)
