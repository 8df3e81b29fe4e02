"""The channels of namespaces: each is listened to as long as one namespace has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from rtserver.cluster.redis.openings import Channel, Openings
from rtserver.cluster.redis.subscriber import Subscriber, Subscription, Take


class Noted:
    """A subscriber that only takes note."""

    def __init__(self) -> None:
        self.takes: dict[tuple[Subscription, str], Take] = {}

    def subscribe(self, kind: Subscription, name: str, take: Take) -> None:
        assert (kind, name) not in self.takes
        self.takes[kind, name] = take

    def unsubscribe(self, kind: Subscription, name: str) -> None:
        del self.takes[kind, name]

    @property
    def names(self) -> set[str]:
        return {name for _, name in self.takes}


class Ends:
    def __init__(self) -> None:
        self.subscriber = Noted()
        self.needed: set[str] = set()
        self.openings = Openings(
            cast(Subscriber, self.subscriber), self.channels_of, self.needed.__contains__
        )

    def channels_of(self, namespace: str) -> Sequence[Channel]:
        def take(channel: bytes, body: bytes) -> None:
            raise AssertionError(namespace)

        return [
            (Subscription.PATTERN, f"{namespace}#*", take),
            (Subscription.CHANNEL, f"{namespace}#", take),
            (Subscription.CHANNEL, f"{namespace}#me#", take),
        ]


def test_a_namespace_is_opened_and_shut_once() -> None:
    ends = Ends()
    for _ in range(2):
        ends.openings.open("/a")
        assert "/a" in ends.openings
        assert ends.openings.has("/a#me#")
        assert ends.subscriber.names == {"/a#*", "/a#", "/a#me#"}
    ends.openings.open("/b")
    for _ in range(2):
        ends.openings.shut("/a")
        assert "/a" not in ends.openings
        assert not ends.openings.has("/a#me#")
        assert ends.subscriber.names == {"/b#*", "/b#", "/b#me#"}


def test_a_channel_that_two_namespaces_have_stays_with_the_one_that_stays() -> None:
    ends = Ends()
    ends.openings.open("/a")
    own = ends.subscriber.takes[Subscription.CHANNEL, "/a#me#"]
    ends.openings.open("/a#me")
    assert ends.subscriber.takes[Subscription.CHANNEL, "/a#me#"] is own
    ends.openings.shut("/a#me")
    assert ends.subscriber.names == {"/a#*", "/a#", "/a#me#"}
    ends.openings.open("/a#me")
    ends.openings.shut("/a")
    assert ends.subscriber.names == {"/a#me#*", "/a#me#", "/a#me#me#"}
    ends.openings.shut("/a#me")
    assert ends.subscriber.names == set()


def test_a_channel_that_something_else_needs_stays() -> None:
    ends = Ends()
    ends.openings.open("/a")
    ends.needed.add("/a#")
    ends.openings.shut("/a")
    assert ends.subscriber.names == {"/a#"}
