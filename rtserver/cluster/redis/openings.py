"""The channels that a bus listens to for its namespaces.

A namespace may have a number sign in its name, and so a channel that is another's as well. Such a channel is
listened to as long as one of them is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rtserver.cluster.redis.shard_subscriber import ShardSubscriber
from rtserver.cluster.redis.subscriber import Subscriber, Subscription, Take

__all__ = ["Channel", "Openings"]

Channel = tuple[Subscription, str, Take]
"""What is subscribed to, and what takes its messages."""


class Openings:
    """The namespaces that are listened for.

    Args:
        subscriber: What listens.
        channels_of: Returns the channels of a namespace.
        is_needed: Tells whether a channel that no namespace needs any more is still needed otherwise.
    """

    __slots__ = ("_channels_of", "_is_needed", "_namespaces", "_subscriber", "_uses")

    def __init__(
        self,
        subscriber: Subscriber | ShardSubscriber,
        channels_of: Callable[[str], Sequence[Channel]],
        is_needed: Callable[[str], bool] = lambda channel: False,
    ) -> None:
        self._subscriber = subscriber
        self._channels_of = channels_of
        self._is_needed = is_needed
        self._namespaces: set[str] = set()
        self._uses: dict[str, int] = {}
        """How many namespaces have each channel."""

    def __contains__(self, namespace: str) -> bool:
        """Return True for a namespace that is listened for."""
        return namespace in self._namespaces

    def has(self, channel: str) -> bool:
        """Tell whether a namespace has this channel."""
        return channel in self._uses

    def open(self, namespace: str) -> None:
        """Begin to listen for a namespace; harmless the second time."""
        if namespace in self._namespaces:
            return
        self._namespaces.add(namespace)
        for kind, name, take in self._channels_of(namespace):
            uses = self._uses.get(name, 0)
            self._uses[name] = uses + 1
            if not uses:
                self._subscriber.subscribe(kind, name, take)

    def shut(self, namespace: str) -> None:
        """Listen for a namespace no longer; harmless for one that isn't listened for."""
        if namespace not in self._namespaces:
            return
        self._namespaces.discard(namespace)
        for kind, name, _ in self._channels_of(namespace):
            uses = self._uses.pop(name) - 1
            if uses:
                self._uses[name] = uses
            elif not self._is_needed(name):
                self._subscriber.unsubscribe(kind, name)
