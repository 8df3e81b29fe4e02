"""Which channels a message goes to and which are listened to, with connections that only take note of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rtserver.cluster.message import Kind, Message
from rtserver.cluster.redis import sharded
from rtserver.cluster.redis.channels import Channels
from rtserver.cluster.redis.connections import Connections
from rtserver.cluster.redis.forms import SubscriptionMode
from rtserver.cluster.redis.sharded import ShardedBus
from rtserver.cluster.redis.subscriber import Subscription, Take
from rtserver.cluster.rooms import LocalRooms
from rtserver.cluster.wire import decode, encode
from rtserver.errors import ClusterViolation

SID = "x" * 20


class Noted:
    """The connections of a bus, which lead nowhere."""

    uid = "me"

    def __init__(self) -> None:
        self.sent: list[tuple[Any, ...]] = []
        self.takes: dict[str, Take] = {}
        self.unconfirmed: dict[str, asyncio.Future[None]] = {}
        self.violations: list[ClusterViolation] = []
        self.publisher = SimpleNamespace(send=self.sent.append)
        self.subscriber = self

    def subscribe(self, kind: Subscription, name: str, take: Take) -> None:
        assert kind is Subscription.SHARD
        self.takes[name] = take

    def unsubscribe(self, kind: Subscription, name: str) -> None:
        assert kind is Subscription.SHARD
        del self.takes[name]

    def confirmation(self, channel: str) -> asyncio.Future[None] | None:
        return self.unconfirmed.get(channel)

    def violated(self, channel: bytes, violation: ClusterViolation) -> None:
        self.violations.append(violation)

    def channels(self) -> Sequence[str]:
        """Return the channels of what was sent."""
        return [channel for _, channel, _ in self.sent]


class Ends:
    """A bus and what it stands on."""

    def __init__(self, mode: SubscriptionMode = "dynamic") -> None:
        self.noted = Noted()
        self.observers: list[Any] = []
        self.received: list[Message] = []
        self.bus = ShardedBus(cast(Connections, self.noted), Channels("k"), mode)
        self.bus.follow(
            LocalRooms(
                lambda namespace, room: room == "here",
                lambda namespace, room: room == "history",
                self.observers.append,
            )
        )
        self.bus._receive = self.received.append
        self.bus.open("/")


def event(*rooms: Any, kind: Kind = Kind.BROADCAST, uid: str = "me", **data: Any) -> Message:
    opts = {"rooms": list(rooms), "except": [], "flags": {}}
    return Message(uid, "/", kind, {"opts": opts, "packet": {"type": 2, "data": ["event"]}, **data})


@pytest.mark.parametrize(
    ("mode", "channels"),
    [
        ("static", ["k#/#", "k#/#", "k#/#", "k#/#"]),
        ("dynamic", ["k#/#", "k#/#r#", "k#/#", "k#/#"]),
        ("dynamic-private", ["k#/#", "k#/#r#", f"k#/#{SID}#", "k#/#"]),
    ],
)
def test_an_event_goes_to_the_channel_of_its_room(mode: SubscriptionMode, channels: list[str]) -> None:
    ends = Ends(mode)
    for room in (None, "r", SID, "history"):  # what has a history is kept by servers without members, too
        ends.bus.send(event(room), room)
    ends.bus.send(event("r", requestId="1"), "r")
    ends.bus.reply("other", event(kind=Kind.FETCHED))
    assert ends.noted.channels() == [*channels, "k#/#", "k#/#other#"]
    assert {command for command, *_ in ends.noted.sent} == {"SPUBLISH"}
    assert decode(ends.noted.sent[1][2]) == event("r")


async def test_a_room_that_clients_elsewhere_are_put_into_is_reached_through_everyone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ends = Ends()
    ends.bus.send(event(kind=Kind.JOIN, rooms=["r", 7]))
    ends.bus.send(event("r"), "r")
    ends.bus.send(event("s"), "s")
    assert ends.noted.channels() == ["k#/#", "k#/#", "k#/#s#"]
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: time.monotonic() + sharded.SPREAD + 1)
    ends.bus.send(event("r"), "r")
    assert ends.noted.channels()[-1] == "k#/#r#"
    assert ends.bus._spread == {}
    ends.bus.send(event(kind=Kind.JOIN, rooms=["t"]))
    assert list(ends.bus._spread) == [("/", "t")]


def test_a_namespace_has_two_channels_and_rooms_have_theirs() -> None:
    ends = Ends()
    ends.bus.open("/")
    assert list(ends.noted.takes) == ["k#/#", "k#/#me#"]
    ends.bus.listen("/", "r")
    assert "k#/#r#" in ends.noted.takes
    ends.bus.ignore("/", "r")
    assert "k#/#r#" not in ends.noted.takes
    ends.bus.open("/#r")
    ends.bus.ignore("/", "r")  # the channel is that of the namespace, too
    assert "k#/#r#" in ends.noted.takes
    ends.bus.shut("/#r")
    assert list(ends.noted.takes) == ["k#/#", "k#/#me#"]


async def test_a_namespace_that_is_shut_leaves_a_room_of_the_same_name() -> None:
    ends = Ends()
    assert ends.bus._rooms.expect("/", ["r"]) is None
    ends.bus.open("/#r")
    ends.bus.shut("/#r")
    assert list(ends.noted.takes) == ["k#/#", "k#/#me#", "k#/#r#"]


def test_in_static_mode_rooms_are_not_followed() -> None:
    assert [len(Ends(mode).observers) for mode in ("static", "dynamic", "dynamic-private")] == [0, 1, 1]
    assert Ends().bus.takes("r")
    assert not Ends().bus.takes(SID)
    assert Ends("dynamic-private").bus.takes(SID)


async def test_it_can_be_waited_for_that_a_room_is_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = Ends()
    assert ends.bus.settle("/", ["r"]) is None
    confirmation = ends.noted.unconfirmed["k#/#r#"] = asyncio.get_running_loop().create_future()
    settled = ends.bus.settle("/", ["q", "r"])
    assert settled is not None
    asyncio.get_running_loop().call_soon(confirmation.set_result, None)
    await settled
    monkeypatch.setattr(sharded, "SETTLED", 0.01)
    ends.noted.unconfirmed["k#/#r#"] = asyncio.get_running_loop().create_future()
    settled = ends.bus.settle("/", ["r"])
    assert settled is not None
    await settled  # but not for ever


async def test_what_concerns_this_server_is_handed_on() -> None:
    ends = Ends()
    take = ends.noted.takes["k#/#"]
    wanted = [event("here", uid="other"), event(uid="other"), event("there", uid="other", requestId="1")]
    for message in (event("here"), event("there", uid="other"), *wanted):
        take(b"k#/#", encode(message))
    assert ends.received == wanted
    take(b"k#/#", b"{}")
    assert len(ends.noted.violations) == 1


async def test_heartbeats_stay_here_but_for_the_farewell() -> None:
    ends = Ends()
    take = ends.noted.takes["k#/#"]
    for kind in (Kind.INITIAL_HEARTBEAT, Kind.HEARTBEAT, Kind.CLOSE):
        take(b"k#/#", encode(Message("other", "/", kind, {})))
    assert [message.kind for message in ends.received] == [Kind.CLOSE]  # whoever waits for it learns of it
    [(_, channel, body)] = ends.noted.sent  # the first kind is answered
    assert (channel, decode(body)) == ("k#/#", Message("me", "/", Kind.HEARTBEAT, {}))
