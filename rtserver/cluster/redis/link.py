"""A connection to Redis that pushes what it receives, and is never waited on.

redis-py connects: it knows of passwords, TLS, Sentinels and databases. Then the connection is taken over, and
what Redis sends is parsed by hiredis as it arrives, and handed on in the same call. That takes less than a
microsecond for a message; `get_message` of redis-py, with its coroutines and time-outs, took 12 of them.

This is the only file that touches redis-py's internals: `INTERNALS` lists them, and a test fails when one is
gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import hiredis
from redis.asyncio import RedisCluster
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError

from rtserver.causes import cause
from rtserver.cluster.redis.client import Client, answer

__all__ = ["INTERNALS", "Dial", "Link", "LinkOwner", "connected", "dial_of", "pack_command", "take_over"]

INTERNALS: Final = ("_reader", "_writer")
"""The private names of `redis.asyncio.connection.AbstractConnection` that this file relies on."""

Dial = Callable[[], Awaitable[AbstractConnection]]
"""Makes a connection, which Redis has answered on: anything that `redis.asyncio` raises may come from it."""

_NOTHING: Final = object()

pack_command: Final[Callable[[tuple[str | bytes | int, ...]], bytes]] = hiredis.pack_command  # type: ignore[assignment]
"""Write a command in the form of Redis' protocol. (hiredis declares one argument only.)"""


class LinkOwner(Protocol):
    """Who is told what happens to a link."""

    def received(self, reply: Any) -> None:
        """Take one reply or message; an exception in place of a reply that is an error."""

    def writable(self) -> None:
        """Take note that what waited has left."""

    def lost(self, reason: str) -> None:
        """Take note that the connection has ended: once, and nothing comes from the link after it."""


class Link(asyncio.Protocol):
    """A connection that is open.

    Args:
        owner: Who is told what happens to it.
    """

    __slots__ = ("_kept", "_owner", "_reader", "_reason", "_transport", "is_congested")

    def __init__(self, owner: LinkOwner) -> None:
        self._owner = owner
        self._reader = hiredis.Reader(notEnoughData=_NOTHING)
        self._transport: asyncio.Transport
        self._kept: object = None
        self._reason: str | None = None
        self.is_congested = False
        """True while bytes wait that the network doesn't take."""

    def attach(self, transport: asyncio.Transport, kept: object) -> None:
        """Begin.

        Args:
            transport: The connection.
            kept: What must live as long as it does.
        """
        self._transport, self._kept = transport, kept
        transport.set_protocol(self)

    def write(self, data: bytes) -> None:
        """Send commands."""
        self._transport.write(data)

    def drop(self, reason: str) -> None:
        """End the connection at once, for a reason that its owner is told."""
        if self._reason is None:
            self._reason = reason
            self._transport.abort()

    # What the event loop calls.

    def data_received(self, data: bytes) -> None:
        """Hand on the replies that these bytes complete."""
        reader, received = self._reader, self._owner.received
        try:
            reader.feed(data)
            while (reply := reader.gets()) is not _NOTHING:
                received(reply)
        except hiredis.HiredisError as error:
            self.drop(f"Redis sent what isn't its protocol: {error}")

    def connection_lost(self, error: Exception | None) -> None:
        """Tell the owner."""
        self._kept = None
        self._owner.lost(self._reason or ("Redis closed it" if error is None else cause(error)))

    def pause_writing(self) -> None:
        """Take note that the network doesn't keep up."""
        self.is_congested = True

    def resume_writing(self) -> None:
        """Let the owner go on."""
        self.is_congested = False
        self._owner.writable()


def take_over(connection: AbstractConnection, link: Link) -> None:
    """Make a connection that redis-py has made, and that nothing more is expected on, a link's."""
    writer: Any = connection._writer
    # redis-py must not close it; nor may the writer, which closes its transport when it is collected.
    connection._reader = connection._writer = None
    link.attach(writer.transport, writer)


def dial_of(client: Client, key: str | None = None) -> Dial:
    """Return what makes connections as a client's own are made.

    Args:
        client: Redis.
        key: What the connection is for, where that matters: in a Redis Cluster the node that has it is asked
            for each time. Without it any node will do: what is published on one is heard on all.
    """
    is_first = True

    async def dial() -> AbstractConnection:
        nonlocal is_first
        if isinstance(client, RedisCluster):
            await answer(client.initialize)
            if key is not None and not is_first:
                await answer(client.nodes_manager.initialize)
            is_first = False
            node = client.get_random_node() if key is None else client.get_node_from_key(key)
            if node is None:
                raise ConnectionError(f"no node of the Redis Cluster has {key!r}")
            connection = node.connection_class(**node.connection_kwargs)
        else:
            connection = client.connection_pool.make_connection()
        return await connected(connection)

    return dial


async def connected(connection: AbstractConnection) -> AbstractConnection:
    """Open a connection, and return it once Redis has answered on it.

    Raises:
        FAILURES: Redis can't be reached, or refuses.
    """
    connection.retry = Retry(NoBackoff(), 0)
    try:
        try:
            await connection.connect()  # type: ignore[no-untyped-call]
            # Without a password that it wants, Redis lets us connect all the same, and refuses this.
            await connection.send_command("PING")
            await connection.read_response()
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
    except RuntimeError as error:  # uvloop's, where the connection has ended
        raise ConnectionError(f"the connection has ended: {error}") from error
    return connection
