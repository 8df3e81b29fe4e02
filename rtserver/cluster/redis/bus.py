"""What the buses over Redis have in common, whichever way their messages go there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from rtserver.cluster.bus import MEETING, Census, Receive
from rtserver.cluster.message import Message
from rtserver.cluster.redis.channels import Channels
from rtserver.cluster.redis.connections import Connections
from rtserver.cluster.redis.forms import Form
from rtserver.cluster.redis.openings import Channel, Openings
from rtserver.cluster.redis.roll import Roll
from rtserver.cluster.redis.status import RedisStatus
from rtserver.cluster.rooms import LocalRooms

__all__ = ["RedisBus"]


class RedisBus(ABC):
    """One server's end. It implements `rtserver.cluster.bus.Bus`, but for what its mode has of its own.

    Args:
        connections: To Redis, of this bus alone.
        channels: Their names.
        form: How messages are put.
        everyone: Returns the channel of a namespace that every server listens to.
        own: Returns the channel of a namespace that one server listens to alone.

    Attributes:
        uid: The id of this server.
    """

    counted_by: ClassVar[str] = "NUMSUB"
    """Which command of Redis counts the subscriptions to channels."""

    def __init__(
        self,
        connections: Connections,
        channels: Channels,
        form: Form,
        everyone: Callable[[str], str],
        own: Callable[[str, str], str],
    ) -> None:
        self.uid: Final = connections.uid
        self._connections = connections
        self._channels = channels
        self._form = form
        self._everyone = everyone
        self._roll = Roll(connections, self.send, own, self.counted_by)
        self._openings = Openings(connections.subscriber, self._channels_of, self._is_needed)
        self._receive: Receive

    @abstractmethod
    def follow(self, rooms: LocalRooms) -> None:
        """Learn which rooms concern this server."""

    @abstractmethod
    def _channels_of(self, namespace: str) -> Sequence[Channel]:
        """Return what is listened to for a namespace."""

    def _is_needed(self, channel: str) -> bool:
        """Tell whether a channel that no namespace needs any more is still needed otherwise."""
        return False

    async def start(self, receive: Receive) -> None:
        """Connect; see `Connections.start`.

        Raises:
            StartError: Redis refuses what the URL says.
        """
        self._receive = receive
        self.open(MEETING)
        await self._connections.start(receive)
        await self._join()

    async def _join(self) -> None:
        """Tell the others that this server is there."""
        self._roll.start(self._receive)

    def open(self, namespace: str) -> None:
        """Begin to listen for a namespace."""
        self._openings.open(namespace)

    def shut(self, namespace: str) -> None:
        """Listen for a namespace no longer."""
        self._openings.shut(namespace)

    def send(self, message: Message, room: str | None = None) -> None:
        """Send a message to all other servers, or to those that listen to its room."""
        self._connections.publisher.send(self._form.tell(message, room))

    def reply(self, uid: str, message: Message) -> None:
        """Send a message to the server that has asked for it."""
        self._connections.publisher.send(self._form.reply(uid, message))

    async def census(self, namespace: str) -> Census:
        """Count the other servers that listen for a namespace, those of Node among them."""
        return await self._roll.census(namespace, self._everyone(namespace))

    async def close(self) -> None:
        """Leave the cluster."""
        await self._roll.close()
        await self._connections.close()

    def status(self) -> RedisStatus:
        """Return how this server stands with Redis."""
        return self._connections.status()
