from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import AsyncMock

import pytest
import socketio

from tests.unit.server.harness import Harness, manual_clock, turns

TOO_MANY = '44{},{{"message":"Too many namespaces","data":{{"code":"too_many_namespaces"}}}}'


async def test_a_client_without_a_handler_in_its_way_is_accepted() -> None:
    harness = Harness()
    session = harness.session()
    sid = session.join()
    assert len(sid) == 20
    assert session.handshake.request is None
    assert harness.sio.rooms(sid) == [sid]
    assert harness.sio.counters.connects == 1


@pytest.mark.parametrize(
    ("settings", "accepted"),
    [
        ({}, ["/", "/handled", "/class"]),
        ({"namespaces": ("/a",)}, ["/a", "/handled", "/class"]),
        ({"namespaces": ("*",)}, ["/", "/a", "/handled", "/class", "/other"]),
    ],
)
async def test_which_namespaces_are_accepted(settings: dict[str, Any], accepted: list[str]) -> None:
    harness = Harness(**settings)
    harness.sio.on("x", print, namespace="/handled")
    harness.sio.on("x", print, namespace="*")
    harness.sio.register_namespace(socketio.AsyncNamespace("/class"))
    for name in ("/", "/a", "/handled", "/class", "/other"):
        session = harness.session()
        session.receive(f"0{name},")
        path = "" if name == "/" else f"{name},"
        [answer] = session.take()
        assert isinstance(answer, str)
        if name in accepted:
            assert answer.startswith(f'40{path}{{"sid":"')
        else:
            assert answer == f'44{path}{{"message":"Invalid namespace"}}'
            assert session.is_open


async def test_a_second_connect_to_a_namespace_closes_the_connection() -> None:
    session = Harness().session()
    session.join()
    session.receive("0")
    assert session.closed_for == "parse error"


async def test_a_second_connect_while_the_first_is_decided_is_answered_by_the_first() -> None:
    harness = Harness()
    harness.sio.on("connect", AsyncMock(side_effect=lambda *args: None))
    calls = 0

    @harness.sio.event
    async def connect(sid: str, environ: Any) -> None:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0)

    session = harness.session()
    session.receive("0", "0")
    await turns()
    assert calls == 1
    assert len(session.take()) == 1
    assert session.is_open


@pytest.mark.parametrize("packet", ['2["event"]', "1", '31["ack"]', '2/other,["event"]', '51-["x",1]'])
async def test_a_packet_before_connect_closes_the_connection(packet: str) -> None:
    harness = Harness()

    @harness.sio.event
    async def connect(sid: str, environ: Any) -> None:
        await asyncio.sleep(0)

    for joining in ((), ("0",)):
        session = harness.session()
        session.receive(*joining, packet)
        assert session.closed_for == "parse error"
    assert harness.sio.counters.violations == 2


async def test_many_namespaces_on_one_connection() -> None:
    harness = Harness(namespaces=("*",))
    left: list[Any] = []
    harness.sio.on("disconnect", lambda *args: left.append(args), namespace="*")
    session = harness.session()
    sids = [session.join(name) for name in ("/", "/a", "/b")]
    assert len(set(sids)) == 3
    session.receive("1/a,")
    assert left == [("/a", sids[1], "client disconnect")]
    session.close("transport close")
    assert left[1:] == [("/", sids[0], "transport close"), ("/b", sids[2], "transport close")]
    assert harness.sio._hub.namespaces == {}


async def test_a_client_that_joins_no_namespace_in_time_is_disconnected() -> None:
    loop, clock = manual_clock()
    harness = Harness(connect_timeout=5, clock=clock)
    idle, refused, slow, joined = (harness.session() for _ in range(4))
    refused.receive("0/unknown,")
    joined.join()

    @harness.sio.event
    async def connect(sid: str, environ: Any) -> None:
        await asyncio.sleep(0)

    slow.receive("0")
    loop.advance(6)
    assert [session.is_open for session in (idle, refused, slow, joined)] == [False, False, True, True]
    await turns()
    loop.advance(60)
    assert slow.is_open
    assert len(clock) == 0
    assert harness.sio.counters.connect_timeouts == 2


async def test_a_client_that_goes_leaves_no_timer() -> None:
    _, clock = manual_clock()
    session = Harness(clock=clock).session()
    assert len(clock) == 1
    session.close()
    assert len(clock) == 0


async def test_a_client_that_joins_namespaces_without_end_is_refused() -> None:
    harness = Harness(namespaces=("*",), max_namespaces=3)
    session = harness.session()
    for name in ("/", "/1", "/2"):
        session.join(name)
    session.receive("0/3")
    assert session.take() == [TOO_MANY.format("/3")]
    assert harness.sio.counters.namespaces_refused == 1
    assert list(harness.sio._hub.namespaces) == ["/", "/1", "/2"]
    session.receive("1/1,")
    session.join("/3")


async def test_namespaces_that_are_still_being_decided_count() -> None:
    harness = Harness(namespaces=("*",), max_namespaces=2)
    decided = asyncio.Event()

    @harness.sio.on("connect", namespace="*")
    async def connect(namespace: str, sid: str, environ: Any) -> None:
        await decided.wait()

    session = harness.session()
    session.receive("0/1", "0/2", "0/3")
    assert session.take() == [TOO_MANY.format("/3")]
    decided.set()
    await turns()
    session.take()
    session.receive("0/3", "1/1,", "0/3")
    await turns()
    refused, accepted = session.take()
    assert refused == TOO_MANY.format("/3")
    assert str(accepted).startswith('40/3,{"sid"')
