from __future__ import annotations

import os
import socket
from typing import Any

from rtserver import Server
from rtserver.admin.statistics import Statistics
from rtserver.testing import TestClient


def statistics_of(sio: Server) -> Statistics:
    return Statistics(sio._backend.hub, sio.eio, "one")


def aggregated(stats: dict[str, Any]) -> list[dict[str, Any]]:
    return [{key: each[key] for key in each if key != "timestamp"} for each in stats["aggregatedEvents"]]


async def test_what_a_server_is() -> None:
    sio = Server()
    sio.on("hello", lambda sid: None, namespace="/chat")
    sio.on("hello", lambda sid: None, namespace="*")
    statistics = statistics_of(sio)
    async with TestClient(sio):
        stats = statistics.read()
    assert stats.pop("uptime") > 0
    assert stats == {
        "serverId": "one",
        "hostname": socket.gethostname(),
        "pid": os.getpid(),
        "clientsCount": 0,  # a client of a test has no connection
        "pollingClientsCount": 0,
        "aggregatedEvents": [],
        "namespaces": [{"name": "/", "socketsCount": 1}, {"name": "/chat", "socketsCount": 0}],
    }


async def test_what_has_happened_since_the_last_time() -> None:
    sio = Server()
    statistics = statistics_of(sio)
    counters = sio.eio.counters
    counters.sessions_opened += 3
    counters.sessions_closed["ping timeout"] += 1
    counters.sessions_closed["transport close"] += 2
    assert sio.eio.traffic is not None
    sio.eio.traffic.received += 10
    sio.eio.traffic.sent += 20
    stats = statistics.read()
    assert aggregated(stats) == [
        {"type": "rawConnection", "count": 3},
        {"type": "bytesIn", "count": 10},
        {"type": "bytesOut", "count": 20},
        {"type": "rawDisconnection", "subType": "ping timeout", "count": 1},
        {"type": "rawDisconnection", "subType": "transport close", "count": 2},
    ]
    assert all(each["timestamp"] > 1_700_000_000_000 for each in stats["aggregatedEvents"])
    assert statistics.read()["aggregatedEvents"] == []


async def test_what_nobody_saw_is_left_out() -> None:
    sio = Server()
    statistics = statistics_of(sio)
    sio.eio.counters.sessions_opened += 3
    statistics.skip()
    assert statistics.read()["aggregatedEvents"] == []
