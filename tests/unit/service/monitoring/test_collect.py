from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from rtserver.host import Server
from rtserver.server.counters import MAX_NAMES
from rtserver.service.auth.guard import Guard
from rtserver.service.auth.options import Expectations, Manners
from rtserver.service.auth.verifier import Verifier
from rtserver.service.monitoring.collect import Parts, collect
from rtserver.service.monitoring.families import Families
from rtserver.service.monitoring.lag import LoopLag
from rtserver.transport.traffic import Traffic
from tests.unit.server.harness import FakeSession


@dataclass(frozen=True, slots=True)
class Status:
    connected: bool
    peers: tuple[str, ...]
    lag: float | None
    dropped: int


def values(server: Server, **parts: Any) -> dict[str, float]:
    """Return the metrics as Prometheus reads them."""
    lag = LoopLag(asyncio.get_running_loop())
    lag.histogram.observe(0.004)
    text = generate_latest(Families(collect(server, Parts(**parts), lag))).decode()
    return {
        sample.name + "".join(f",{key}={value}" for key, value in sample.labels.items()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_a_server_without_clients() -> None:
    found = values(Server())
    assert found["rtserver_connections,transport=polling"] == 0
    assert found["rtserver_connects_total"] == 0
    assert found["rtserver_loop_lag_seconds_count"] == 1
    assert found["rtserver_loop_lag_seconds_bucket,le=0.0025"] == 0
    assert found["rtserver_loop_lag_seconds_bucket,le=0.005"] == 1
    assert found["rtserver_loop_lag_seconds_bucket,le=+Inf"] == 1
    assert found["process_resident_memory_bytes"] > 1_000_000
    assert not [name for name in found if "bytes_total" in name or "tokens" in name or "cluster" in name]


async def test_what_limits_of_a_server_have_stopped() -> None:
    server = Server(namespaces=["*"], max_namespaces=1, max_rooms=1)
    session = FakeSession(server._dispatch)
    sid = session.join()
    session.receive("0/chat")
    await server.sockets_join("a", "b")
    server.eio.counters.connections_turned_away = 3
    assert server.rooms(sid) == [sid, "a"]
    found = values(server)
    assert found["rtserver_limited_total,limit=max_namespaces"] == 1
    assert found["rtserver_limited_total,limit=max_rooms"] == 1
    assert found["rtserver_limited_total,limit=file_descriptors"] == 3


async def test_clients_rooms_and_events() -> None:
    server = Server(namespaces=["/", "/chat"])
    server.on("say", lambda sid: None)
    for namespace in ("/", "/chat", "/chat"):
        session = FakeSession(server._dispatch)
        sid = session.join(namespace)
        await server.enter_room(sid, "room", namespace=namespace)
        session.receive(f'2{namespace},["say"]')
    await server.emit("news", namespace="/chat")
    traffic = Traffic()
    traffic.sent = 7
    found = values(server, traffic=traffic)
    assert found["rtserver_clients,namespace=/"] == 1
    assert found["rtserver_clients,namespace=/chat"] == 2
    assert found["rtserver_rooms,namespace=/chat"] == 1
    assert found["rtserver_connects_total"] == 3
    assert found["rtserver_events_sent_total"] == 2
    assert found["rtserver_events_received_total,namespace=/"] == 1
    assert found["rtserver_events_received_total,namespace=/chat"] == 2
    assert found["rtserver_sent_bytes_total"] == 7


async def test_labels_are_bounded() -> None:
    server = Server(namespaces="*")
    for number in range(MAX_NAMES + 20):
        FakeSession(server._dispatch).join(f"/{number}")
    found = values(server)
    assert len([name for name in found if name.startswith("rtserver_clients,")]) == MAX_NAMES + 1
    assert found["rtserver_clients,namespace=other"] == 20


async def test_tokens() -> None:
    guard = Guard(Verifier([], None, Expectations()), Manners(), lambda: None)  # type: ignore[arg-type, return-value]
    guard.refused = 3
    assert values(Server(), guard=guard)["rtserver_tokens_refused_total"] == 3


async def test_the_status_of_a_manager() -> None:
    server = Server()
    server.manager.status = lambda: Status(True, ("a", "b"), None, 4)  # type: ignore[attr-defined]
    found = values(server)
    assert found["rtserver_cluster_connected"] == 1
    assert found["rtserver_cluster_peers"] == 2
    assert found["rtserver_cluster_dropped_total"] == 4
    assert "rtserver_cluster_lag" not in found
