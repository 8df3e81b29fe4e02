"""What all buses over Redis do, with connections that only take note of it."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rtserver.cluster.bus import Receive
from rtserver.cluster.message import Kind, Message
from rtserver.cluster.redis.bus import RedisBus
from rtserver.cluster.redis.channels import Channels
from rtserver.cluster.redis.connections import Connections
from rtserver.cluster.redis.forms import ClassicForm
from rtserver.cluster.redis.openings import Channel
from rtserver.cluster.redis.subscriber import Subscription
from rtserver.cluster.rooms import LocalRooms
from rtserver.errors import StartError


class Noted:
    """The connections of a bus, which lead nowhere. What is done with them is in `did`, in order."""

    uid = "me"

    def __init__(self, refuses: bool = False) -> None:
        self._refuses = refuses
        self.did: list[tuple[Any, ...]] = []
        self.publisher = SimpleNamespace(send=self.did.append)
        self.subscriber = SimpleNamespace(
            subscribe=lambda kind, name, take: self.did.append(("subscribe", name)),
            unsubscribe=lambda kind, name: self.did.append(("unsubscribe", name)),
        )

    async def start(self, receive: Receive) -> None:
        self.did.append(("start",))
        if self._refuses:
            raise StartError("Redis refuses")

    async def close(self) -> None:
        self.did.append(("close",))


class PlainBus(RedisBus):
    """A bus of one channel for each namespace."""

    def __init__(self, noted: Noted) -> None:
        channels = Channels("k")
        form = ClassicForm(channels)
        super().__init__(
            cast(Connections, noted), channels, form, channels.requests, lambda namespace, uid: uid
        )

    def follow(self, rooms: LocalRooms) -> None:
        pass

    def _channels_of(self, namespace: str) -> Sequence[Channel]:
        return [(Subscription.CHANNEL, namespace, lambda channel, body: None)]


def ignore(message: Message) -> None:
    pass


async def test_a_bus_listens_then_connects_then_tells_the_others_and_at_the_end_leaves() -> None:
    noted = Noted()
    bus = PlainBus(noted)
    await bus.start(ignore)
    assert bus.uid == "me"
    assert [each[0] for each in noted.did] == ["subscribe", "start", "PUBLISH"]
    bus.open("/chat")
    bus.open("/chat")
    bus.shut("/chat")
    assert noted.did[3:] == [("subscribe", "/chat"), ("unsubscribe", "/chat")]
    await bus.close()
    assert [each[0] for each in noted.did[5:]] == ["PUBLISH", "close"]


async def test_a_bus_that_is_refused_tells_nobody_of_itself() -> None:
    noted = Noted(refuses=True)
    bus = PlainBus(noted)
    with pytest.raises(StartError):
        await bus.start(ignore)
    await bus.close()
    assert noted.did == [("subscribe", "/"), ("start",), ("close",)]


def test_messages_have_the_form_of_the_mode() -> None:
    noted = Noted()
    bus = PlainBus(noted)
    message = Message("me", "/", Kind.HEARTBEAT, {})
    bus.send(message)
    bus.reply("other", Message("me", "/", Kind.FETCHED, {"requestId": "1", "sockets": []}))
    assert [command for command, *_ in noted.did] == ["PUBLISH", "PUBLISH"]
    assert noted.did[0] == ClassicForm(Channels("k")).tell(message, None)
    assert noted.did[1][1] == "k-response#/#other#"
