"""What becomes of a namespace's events for a client that doesn't take them as fast as they come.

A client is slow while its transport pushes back: more than 64 KiB wait for it beyond what the operating
system's buffers hold, or between two of its polls.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, TypeAlias, get_args

from rtserver.server.handlers import EVERY
from rtserver.server.target import Flags

__all__ = ["Action", "Drop", "OnDrop", "SlowClientPolicy", "SlowClients", "policies", "policy_of"]

Action = Literal["disconnect", "drop_oldest_volatile", "conflate"]


class Drop(StrEnum):
    """Why a client was not sent an event."""

    NOT_READY = "not ready"
    """A volatile event, and the client would have had to wait for it."""
    QUEUE_FULL = "queue full"
    """The oldest of the volatile events that waited: there were more than `SlowClientPolicy.max_volatile`."""
    BUFFER_FULL = "buffer full"
    """The oldest of the volatile events that waited: there were more bytes than ``max_buffer_size``."""
    CONFLATED = "conflated"
    """A newer event of the same key has taken its place."""


OnDrop = Callable[[str, str, str, Drop], None]
"""Called with the sid, the namespace, the event's name and the reason."""


@dataclass(frozen=True, slots=True)
class SlowClientPolicy:
    """What becomes of a namespace's events for a client that is slow.

    Whatever the action, no more than ``max_buffer_size`` bytes wait for a client: one for which more would
    have to wait is disconnected.

    Args:
        action: ``"disconnect"``: every event waits, except volatile ones, which a client that isn't ready
            doesn't get. ``"drop_oldest_volatile"``: volatile events wait, too; where there are too many, the
            oldest of them goes. ``"conflate"``: of the events with the same key only the newest waits.
        max_volatile: With ``"drop_oldest_volatile"``: how many volatile events may wait for one client.
        events: With ``"conflate"``: names of events whose key is their name.
        key: With ``"conflate"``: called with an event's name and the list of its arguments; returns its key,
            or None for an event that must arrive. It precedes `events`, and a key that an event was emitted
            with precedes both.

    Raises:
        ValueError: The action doesn't exist, an option isn't one of its own, or a number isn't positive.
    """

    action: Action = "disconnect"
    max_volatile: int = 1000
    events: Collection[str] = ()
    key: Callable[[str, Sequence[Any]], str | None] | None = None

    def __post_init__(self) -> None:  # noqa: D105
        if self.action not in get_args(Action):
            raise ValueError(
                f"action: received {self.action!r}, expected one of {', '.join(get_args(Action))}"
            )
        if self.max_volatile < 1:
            raise ValueError(f"max_volatile: received {self.max_volatile!r}, expected at least 1")
        if isinstance(self.events, str):
            raise ValueError(f"events: received {self.events!r}, expected a list of names")
        if self.action != "conflate" and (self.events or self.key is not None):
            raise ValueError(
                f"events and key: expected with action 'conflate' only, which is {self.action!r}"
            )

    def key_of(self, args: Sequence[Any], flags: Flags) -> str | None:
        """Return what a newer event has in common with the one that it replaces.

        Args:
            args: The event's name and its arguments.
            flags: How it was emitted.
        """
        if flags.key is not None or self.action != "conflate":
            return flags.key
        event = args[0]
        key = None if self.key is None else self.key(event, args[1:])
        return event if key is None and event in self.events else key


SlowClients: TypeAlias = Action | SlowClientPolicy | Mapping[str, Action | SlowClientPolicy]
"""A policy for all namespaces; or policies by namespace, with that of all others under ``"*"``."""


def policies(given: SlowClients) -> dict[str, SlowClientPolicy]:
    """Return the policies by namespace.

    Raises:
        ValueError: An action doesn't exist, or a namespace has no slash.
    """
    if not isinstance(given, Mapping):
        given = {EVERY: given}
    found = {}
    for namespace, policy in given.items():
        if namespace != EVERY and not namespace.startswith("/"):
            raise ValueError(f"slow_clients: received namespace {namespace!r}, expected /{namespace} or *")
        found[namespace] = policy if isinstance(policy, SlowClientPolicy) else SlowClientPolicy(policy)
    return found


def policy_of(found: Mapping[str, SlowClientPolicy], namespace: str) -> SlowClientPolicy | None:
    """Return the policy of a namespace; None where events of slow clients only wait."""
    policy = found.get(namespace) or found.get(EVERY)
    return None if policy is None or policy.action == "disconnect" else policy
