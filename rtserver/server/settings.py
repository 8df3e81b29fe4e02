"""What an application chooses about the Socket.IO layer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial

from rtserver.server.delivery.duplicates import DuplicateSuppression
from rtserver.server.delivery.history import History
from rtserver.server.delivery.presence import Presence
from rtserver.server.delivery.slow_clients import OnDrop, SlowClientPolicy, policies
from rtserver.server.recovery.options import ConnectionStateRecovery

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What an application chooses, apart from the serializer.

    Args:
        namespaces: Accepted besides those that have handlers; ``"*"`` among them accepts every name.
        remove_empty: Forget a case of a dynamic namespace with its last client, instead of keeping the answer
            of its predicate.
        always_connect: Accept before the ``connect`` handler runs, instead of after.
        serial: Run the handlers of one client one after another.
        connect_timeout: Seconds in which a client must have joined a namespace; None for no limit.
        max_held: Bytes that are held for a client, while its ``connect`` handler runs or it is slow.
        max_namespaces: Namespaces that one client may be in. Where any name is accepted, they have no end.
        max_rooms: Rooms that one client may be in, in each namespace, besides its own; None for any number.
        max_running: Handlers of one client that may be suspended, or wait for their turn, before
            reading from it pauses.
        history: Which rooms have a history; None for none.
        presence: Which rooms tell who is in them; None for none.
        duplicates: How packets that clients send again are recognised; None to take each for a new one.
        recovery: What is kept for clients that lose their connection; None for nothing.
        unnoticed: Seconds until a lost connection is noticed, at the latest.
        verbose: Log what happens to clients, as ``logger=True`` asks.
        slow_clients: What is done with events while a client is slow, by namespace.
        on_drop: Called with the sid, the namespace, the event's name and the reason for each event that
            a client isn't sent.
    """

    namespaces: Collection[str] = ("/",)
    remove_empty: bool = False
    always_connect: bool = False
    serial: bool = False
    connect_timeout: float | None = 45.0
    max_held: int = 16 * 1024 * 1024
    max_namespaces: int = 1000
    max_rooms: int | None = None
    max_running: int = 1000
    history: History | None = None
    presence: Presence | None = None
    duplicates: DuplicateSuppression | None = None
    recovery: ConnectionStateRecovery | None = None
    unnoticed: float = 45.0
    verbose: bool = False
    slow_clients: Mapping[str, SlowClientPolicy] = field(default_factory=partial(policies, "disconnect"))
    on_drop: OnDrop | None = None
