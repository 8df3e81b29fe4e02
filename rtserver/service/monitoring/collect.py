"""Read what a server has counted, as metrics with names that Prometheus' users expect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from prometheus_client import ProcessCollector

from rtserver.host import Server
from rtserver.server.counters import MAX_NAMES, OTHER
from rtserver.server.event_limits import EventLimiter
from rtserver.service.monitoring.families import Family, Kind, Sample
from rtserver.service.monitoring.lag import LoopLag
from rtserver.transport.traffic import Traffic

if TYPE_CHECKING:
    from rtserver.service.auth.guard import Guard

__all__ = ["Parts", "collect"]

# name, help, counter of the engine
_ENGINE: Final = (
    ("sessions_opened", "Engine.IO sessions that were opened.", "sessions_opened"),
    ("sessions_refused", "Engine.IO sessions that the server refused.", "sessions_refused"),
    ("upgrades", "Sessions that went from polling to WebSocket.", "upgrades"),
    ("upgrades_failed", "Upgrades to WebSocket that were begun and not completed.", "upgrades_failed"),
    ("slow_clients", "Clients that were disconnected because too much waited for them.", "slow_clients"),
    ("bad_packets", "Packets, payloads and frames that broke a protocol.", "bad_packets"),
    ("requests_refused", "HTTP requests that were answered with an error.", "requests_refused"),
    ("payloads_refused", "Polling bodies above the limit.", "payloads_refused"),
    ("connections_moved", "Connections that were handed to another worker.", "connections_moved"),
    ("connections_relayed", "Connections whose bytes are relayed to another worker.", "connections_relayed"),
)  # fmt: skip
# name, help, counter of the Socket.IO layer
_SOCKET: Final = (
    ("connects", "Clients that were let into a namespace.", "connects"),
    ("refusals", "Clients that were refused by a namespace.", "refusals"),
    ("disconnects", "Clients that left a namespace.", "disconnects"),
    ("connect_timeouts", "Clients that joined no namespace in time.", "connect_timeouts"),
    ("violations", "Clients that were disconnected for breaking the protocol.", "violations"),
    ("handler_errors", "Handlers and callbacks that raised.", "handler_errors"),
    ("events_refused", "Events that middleware or a declaration refused.", "refused_events"),
    ("events_unhandled", "Events without a handler.", "unhandled_events"),
    ("events_sent", "Events for clients, counted once for each of them.", "events_sent"),
    ("acks_unknown", "Acknowledgments that nobody waits for.", "unknown_acks"),
    ("ack_timeouts", "Acknowledgments that didn't come in time.", "ack_timeouts"),
    ("duplicates", "Packets that clients sent again, and were not handled again.", "duplicates"),
    ("reading_pauses", "Times that reading from a client paused.", "reading_pauses"),
    ("recoveries", "Clients that came back to the state that they had.", "recoveries"),
    ("recovered_events", "Events that such clients had missed and were sent again.", "recovered_events"),
)  # fmt: skip
_RECOVERIES_FAILED: Final = {
    "unknown": "recoveries_unknown",
    "expired": "recoveries_expired",
    "too_old": "recoveries_too_old",
}
_GAUGES: Final = frozenset({"connected", "deaf_for", "lag", "waiting_bytes", "peers"})
"""What of a manager's status goes up and down. Its other numbers only grow."""


class Parts(NamedTuple):
    """What stands around a server, where it is wanted."""

    guard: Guard | None = None
    """Asks clients for tokens."""
    limiter: EventLimiter | None = None
    """Limits the events of clients."""
    traffic: Traffic | None = None
    """Counts bytes."""


def collect(server: Server, parts: Parts, lag: LoopLag) -> Iterator[Family]:
    """Read everything.

    Args:
        server: The server.
        parts: What stands around it.
        lag: What measures the event loop.
    """
    guard, limiter, traffic = parts
    yield _build()
    yield from _process()
    yield from _sessions(server)
    yield from _namespaces(server)
    for name, help, counter in _ENGINE:
        yield Family.of(f"rtserver_{name}", "counter", help, getattr(server.eio.counters, counter))
    for name, help, counter in _SOCKET:
        yield Family.of(f"rtserver_{name}", "counter", help, getattr(server.counters, counter))
    failed = {reason: getattr(server.counters, counter) for reason, counter in _RECOVERIES_FAILED.items()}
    yield Family.of(
        "rtserver_recoveries_failed", "counter", "Clients that came back in vain.", failed, "reason"
    )
    yield Family.of(
        "rtserver_events_dropped",
        "counter",
        "Events that slow clients weren't sent.",
        server.counters.drops,
        "reason",
    )
    yield Family.of(
        "rtserver_events_received", "counter", "Events of clients.", server.events_received(), "namespace"
    )
    if traffic is not None:
        yield Family.of(
            "rtserver_received_bytes", "counter", "Bytes that came in on WebSockets.", traffic.received
        )
        yield Family.of("rtserver_sent_bytes", "counter", "Bytes that went out on WebSockets.", traffic.sent)
    if guard is not None:
        yield from _guard(guard)
    yield from _limits(server, guard, limiter)
    yield from _manager(server.manager)
    yield lag.histogram.family("rtserver_loop_lag_seconds", "How late the event loop calls what is due.")


def _build() -> Family:
    labels = {"version": metadata.version("rtserver")}
    return Family("rtserver_build_info", "gauge", "The version.", [Sample("", labels, 1)])


def _process() -> Iterator[Family]:
    for metric in ProcessCollector(registry=None).collect():
        yield Family.from_metric(metric)


def _sessions(server: Server) -> Iterator[Family]:
    transports, waiting = Counter(polling=0, websocket=0), 0
    for session in server.eio.sessions:
        transports[session.transport_name] += 1
        waiting += session.buffered
    yield Family.of(
        "rtserver_connections", "gauge", "Engine.IO sessions that are open.", transports, "transport"
    )
    yield Family.of("rtserver_waiting_bytes", "gauge", "Bytes that wait for clients.", waiting)
    yield Family.of(
        "rtserver_sessions_closed",
        "counter",
        "Engine.IO sessions that ended.",
        server.eio.counters.sessions_closed,
        "reason",
    )


def _namespaces(server: Server) -> Iterator[Family]:
    clients: Counter[str] = Counter()
    rooms: Counter[str] = Counter()
    for name, size, room_count in server.occupancy():
        label = name if len(clients) < MAX_NAMES else OTHER
        clients[label] += size
        rooms[label] += room_count
    yield Family.of("rtserver_clients", "gauge", "Clients in a namespace.", clients, "namespace")
    yield Family.of("rtserver_rooms", "gauge", "Rooms with clients in them.", rooms, "namespace")


def _guard(guard: Guard) -> Iterator[Family]:
    yield Family.of("rtserver_tokens_refused", "counter", "Clients without a valid token.", guard.refused)
    yield Family.of(
        "rtserver_tokens_refreshed", "counter", "Tokens that were replaced in time.", guard.refreshed
    )
    yield Family.of(
        "rtserver_tokens_expired", "counter", "Clients that gave no new token in time.", guard.expired
    )


def _limits(server: Server, guard: Guard | None, limiter: EventLimiter | None) -> Iterator[Family]:
    reached = Counter[str]()
    reached["file_descriptors"] = server.eio.counters.connections_turned_away
    reached["max_namespaces"] = server.counters.namespaces_refused
    reached["max_rooms"] = server.counters.rooms_refused
    if server.eio.gate is not None:
        reached.update(server.eio.gate.refused)
    if guard is not None:
        reached["connections_per_user"] = guard.crowded
    if limiter is not None:
        reached["events"] = limiter.dropped
        reached["tolerance"] = limiter.disconnected
    help = "Requests, clients and events that a limit has stopped."
    yield Family.of("rtserver_limited", "counter", help, reached, "limit")


def _manager(manager: Any) -> Iterator[Family]:
    """Read the status of a manager that has one: a dataclass of numbers, each of them documented there."""
    status = getattr(manager, "status", None)
    if status is None:
        return
    value = status()
    assert is_dataclass(value)
    for each in fields(value):
        number = getattr(value, each.name)
        if isinstance(number, tuple):
            number = len(number)
        if number is not None:
            kind: Kind = "gauge" if each.name in _GAUGES else "counter"
            help = f"The cluster: {each.name.replace('_', ' ')}."
            yield Family.of(f"rtserver_cluster_{each.name}", kind, help, float(number))
