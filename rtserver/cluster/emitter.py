"""Emitters: programs that are no servers send to a cluster's clients, and ask nothing.

The chains are those of `rtserver.server.interface`, but for what needs an answer. They make commands for
Redis; `Emitter` sends those from an event loop, `BlockingEmitter` from a program without one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, TypeVar

from rtserver.causes import cause
from rtserver.cluster.message import Kind, Message, options
from rtserver.cluster.redis.channels import KEY
from rtserver.cluster.redis.classic import EMITTER
from rtserver.cluster.redis.client import BLOCKING, FAILURES, connect, sentinels_of
from rtserver.cluster.redis.forms import MAX_LENGTH, Command, Form, Mode, SubscriptionMode, form_of
from rtserver.errors import EmitterError
from rtserver.server.interface.backend import event_args, united
from rtserver.server.interface.selection import Selecting, Selection
from rtserver.server.namespace import Room

__all__ = ["BlockingEmitter", "Emitter", "EmitterNamespace", "EmitterOperator"]

Result = TypeVar("Result")
"""What a method returns that sends: None, or what is to be awaited."""
Send = Callable[[Sequence[Command]], Result]


class EmitterChain(Selecting["EmitterOperator[Result]"], Generic[Result]):
    """What an emitter's chains end with."""

    __slots__ = ()

    def emit(self, event: str, *args: Any) -> Result:
        """Emit an event.

        Args:
            event: Its name.
            args: Its arguments, one after another. A tuple is one argument, an array.

        Raises:
            EmitterError: Redis didn't take it.
            TypeError: An argument can't be serialized.
            ValueError: The name is reserved.
        """
        packet = {"type": 2, "data": event_args(event, args)}
        return self._operator().tell(Kind.BROADCAST, {"packet": packet})

    def sockets_join(self, *rooms: Room | Iterable[Room]) -> Result:
        """Put the clients into rooms.

        Raises:
            EmitterError: Redis didn't take it.
        """
        return self._operator().tell(Kind.JOIN, {"rooms": list(united((), rooms))})

    def sockets_leave(self, *rooms: Room | Iterable[Room]) -> Result:
        """Take the clients out of rooms.

        Raises:
            EmitterError: Redis didn't take it.
        """
        return self._operator().tell(Kind.LEAVE, {"rooms": list(united((), rooms))})

    def disconnect_sockets(self, close: bool = False) -> Result:
        """Disconnect the clients from the namespace.

        Args:
            close: Close their connections, with all their namespaces.

        Raises:
            EmitterError: Redis didn't take it.
        """
        return self._operator().tell(Kind.DISCONNECT, {"close": close})


@dataclass(frozen=True, slots=True, kw_only=True)
class EmitterOperator(Selection, EmitterChain[Result]):
    """A chain: who is meant, and how an event is delivered.

    Args:
        form: Makes commands of messages.
        send: Sends them.
    """

    form: Form
    send: Send[Result]

    def _operator(self) -> EmitterOperator[Result]:
        return self

    def tell(self, kind: Kind, data: dict[str, Any]) -> Result:
        """Send a message to the servers of those who are meant."""
        target = self.target()
        if target is None:
            return self.send(())
        room = str(target.rooms[0]) if len(target.rooms) == 1 else None
        message = Message(EMITTER, self.namespace, kind, {"opts": options(target, self.flags), **data})
        return self.send((self.form.tell(message, room),))


class EmitterNamespace(EmitterChain[Result]):
    """A namespace, as an emitter has it.

    Args:
        name: Its name, with the slash.
        form: Makes commands of messages.
        send: Sends them.
    """

    __slots__ = ("_everyone",)

    def __init__(self, name: str, form: Form, send: Send[Result]) -> None:
        self._everyone = EmitterOperator(name, form=form, send=send)

    def _operator(self) -> EmitterOperator[Result]:
        return self._everyone

    def of(self, name: str) -> EmitterNamespace[Result]:
        """Return a namespace: its clients are meant.

        Args:
            name: Its name; the slash may be left out.
        """
        return EmitterNamespace(f"/{name.removeprefix('/')}", self._everyone.form, self._everyone.send)

    def server_side_emit(self, event: str, *args: Any) -> Result:
        """Emit an event to the servers of the cluster themselves, which have handlers for it.

        Args:
            event: Its name.
            args: Its arguments.

        Raises:
            EmitterError: Redis didn't take it.
            TypeError: An argument can't be serialized.
            ValueError: The name is reserved.
        """
        data = {"packet": event_args(event, args)}
        message = Message(EMITTER, self._everyone.namespace, Kind.SERVER_SIDE_EMIT, data)
        return self._everyone.send((self._everyone.form.tell(message, None),))


class Emitter(EmitterNamespace[Awaitable[None]]):
    """Sends to the clients of a cluster, from a program with an event loop that is no server of it.

        async with rtserver.Emitter("redis://127.0.0.1") as emitter:
            await emitter.to("room").emit("news", "text")

    Args:
        url: Where Redis is: ``redis://``, ``rediss://``, ``unix://``, ``redis+sentinel://`` or
            ``redis+cluster://``.
        mode: What the servers of the cluster use: ``"pubsub"``, ``"sharded"`` or ``"streams"``.
        key: What the names of their channels begin with; in streams mode their stream's name, too.
        subscription_mode: Which rooms have channels of their own in sharded mode, as on the servers:
            ``"dynamic"``, ``"static"`` or ``"dynamic-private"``.
        max_length: How many entries a stream keeps, about.
        stream_count: How many streams there are, as on the servers: each namespace has one of them.
        options: Options of redis-py's client.

    Raises:
        ValueError: The URL or a mode is none of these.
    """

    __slots__ = ("_client",)

    def __init__(
        self,
        url: str,
        mode: Mode = "pubsub",
        *,
        key: str = KEY,
        subscription_mode: SubscriptionMode = "dynamic",
        max_length: int = MAX_LENGTH,
        stream_count: int = 1,
        **options: Any,
    ) -> None:
        form = form_of(mode, key, subscription_mode, max_length, stream_count)
        super().__init__("/", form, self._publish)
        self._client = connect(url, **options)

    async def __aenter__(self) -> Emitter:
        """Return the emitter, which connects when it is first used."""
        return self

    async def __aexit__(
        self, type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        await self.close()

    async def close(self) -> None:
        """Close the connections to Redis."""
        for client in (self._client, *sentinels_of(self._client)):
            await client.aclose()

    async def _publish(self, commands: Sequence[Command]) -> None:
        try:
            for command in commands:
                await self._client.execute_command(*command)
        except FAILURES as error:
            raise _failure(error) from error


class BlockingEmitter(EmitterNamespace[None]):
    """The same for programs without an event loop: scripts, Celery, Django. Threads can share it.

        with rtserver.BlockingEmitter("redis://127.0.0.1") as emitter:
            emitter.to("room").emit("news", "text")

    Args:
        url: As for `Emitter`.
        mode: As for `Emitter`.
        key: As for `Emitter`.
        subscription_mode: As for `Emitter`.
        max_length: As for `Emitter`.
        stream_count: As for `Emitter`.
        options: Options of redis-py's client.

    Raises:
        ValueError: The URL or a mode is none of these.
    """

    __slots__ = ("_client",)

    def __init__(
        self,
        url: str,
        mode: Mode = "pubsub",
        *,
        key: str = KEY,
        subscription_mode: SubscriptionMode = "dynamic",
        max_length: int = MAX_LENGTH,
        stream_count: int = 1,
        **options: Any,
    ) -> None:
        form = form_of(mode, key, subscription_mode, max_length, stream_count)
        super().__init__("/", form, self._publish)
        self._client = connect(url, BLOCKING, **options)

    def __enter__(self) -> BlockingEmitter:
        """Return the emitter, which connects when it is first used."""
        return self

    def __exit__(
        self, type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the connections to Redis."""
        for client in (self._client, *sentinels_of(self._client)):
            client.close()

    def _publish(self, commands: Sequence[Command]) -> None:
        try:
            for command in commands:
                self._client.execute_command(*command)
        except FAILURES as error:
            raise _failure(error) from error


def _failure(error: Exception) -> EmitterError:
    return EmitterError(f"Redis didn't take what was emitted: {cause(error)}")
