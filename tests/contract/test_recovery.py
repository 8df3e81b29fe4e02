"""A client that lost its connection goes on where it was, at whichever server it comes back to."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.server.recovery.session import RecoverableSession
from tests.contract.conftest import Cluster, Join
from tests.support.engine import until
from tests.unit.server.harness import Harness
from tests.unit.server.recovery.client import Client


async def recovering(join: Join, **settings: Any) -> Cluster:
    return await join(recovery=ConnectionStateRecovery(), **settings)


async def back(client: Client, harness: Harness) -> bool:
    """Let a client come back to a server. Returns whether it has recovered."""
    client.move(harness).connect()
    await until(lambda: bool(client.session.sent) or client.joined)
    client.read()
    return client.recovered


async def numbers(client: Client, *expected: int) -> None:
    """Wait until a client has all of these numbers, and nothing else."""
    wanted = [["n", number] for number in expected]
    await until(lambda: len(client.read()) >= len(wanted))
    assert client.received == wanted


async def test_id_rooms_data_and_missed_events_come_back(join: Join) -> None:
    cluster = await recovering(join)
    first, second = cluster.first.sio, cluster.second.sio
    client = Client(cluster.first).connect()
    sid = client.sid
    await first.enter_room(sid, "a")
    await first.save_session(sid, {"name": "Ada", "bytes": b"\x00"})
    await second.emit("n", 1, room="a")
    await numbers(client, 1)
    client.drop()
    await second.emit("n", 2, room="a")
    await first.emit("n", 3)
    await second.emit("n", 0, room="b")
    await first.emit("n", 4, to=sid)
    assert await back(client, cluster.second)
    assert client.sid == sid
    assert (second.rooms(sid), await second.get_session(sid)) == (
        [sid, "a"],
        {"name": "Ada", "bytes": b"\x00"},
    )
    await first.emit("n", 5, room="a")
    await second.emit("n", 6, room="a")
    await until(lambda: len(client.read()) == 6)
    by_sender = [[n for _, n in client.received if n in sent] for sent in ((3, 4, 5), (1, 2, 6))]
    assert by_sender == [[3, 4, 5], [1, 2, 6]]


async def test_bytes_come_back(join: Join) -> None:
    cluster = await recovering(join)
    client = Client(cluster.first).connect().drop()
    await cluster.first.sio.emit("picture", b"\x00\xff")
    assert await back(client, cluster.second)
    assert b"\x00\xff" in client.attachments


async def test_it_goes_on_from_server_to_server(join: Join) -> None:
    cluster = await recovering(join)
    servers = (cluster.first, cluster.second)
    client = Client(cluster.first).connect()
    await cluster.first.sio.enter_room(client.sid, "a")
    for number in range(1, 9):
        client.drop()
        await servers[number // 2 % 2].sio.emit("n", number, room="a")
        assert await back(client, servers[number % 2])
        await numbers(client, *range(1, number + 1))


async def test_it_may_be_lost_again_before_it_has_read_anything(join: Join) -> None:
    cluster = await recovering(join)
    client = Client(cluster.first).connect()
    await cluster.first.sio.emit("n", 1)
    await numbers(client, 1)
    client.drop()
    for number in (2, 3, 4):
        await cluster.first.sio.emit("n", number)
    client.move(cluster.second).open()
    await until(lambda: len(client.session.sent) == 4)
    client.session.sent[2:] = []  # only the answer and one event have arrived
    client.read()
    client.drop()
    await cluster.first.sio.emit("n", 5)
    assert await back(client, cluster.second)
    await numbers(client, 1, 2, 3, 4, 5)
    client.drop()
    assert await back(client, cluster.first)
    await numbers(client, 1, 2, 3, 4, 5)


async def test_a_connection_that_the_other_server_believes_alive_is_replaced(join: Join) -> None:
    cluster = await recovering(join)
    left: list[str] = []
    cluster.first.sio.on("disconnect", lambda sid, reason: left.append(reason))
    client = Client(cluster.first).connect()
    old = client.session
    await cluster.first.sio.emit("n", 1)
    old.take()  # it never arrived
    assert await back(client, cluster.second)
    assert (old.is_open, left) == (False, ["transport close"])
    await numbers(client, 1)


async def test_the_disconnect_handler_ends_first(join: Join) -> None:
    cluster = await recovering(join)
    seen: list[str] = []
    leaving = asyncio.Event()

    @cluster.first.sio.event
    async def disconnect(sid: str) -> None:
        await leaving.wait()
        await cluster.first.sio.save_session(sid, {"saved": "late"})
        seen.append("disconnect")

    client = Client(cluster.first).connect().drop()
    cluster.second.sio.on("connect", lambda sid, environ: seen.append("connect"))
    client.move(cluster.second).connect()
    await cluster.first.sio.emit("n", 1)
    leaving.set()
    await until(lambda: bool(client.session.sent))
    await numbers(client, 1)
    assert client.recovered
    assert seen == ["disconnect", "connect"]
    assert await cluster.second.sio.get_session(client.sid) == {"saved": "late"}


async def test_who_was_turned_out_is_a_new_client(join: Join) -> None:
    cluster = await recovering(join)
    client = Client(cluster.first).connect().drop()
    await cluster.second.sio.disconnect(client.sid)
    await until(lambda: not away(cluster))
    assert not await back(client, cluster.second)


async def test_who_was_taken_out_of_a_room_stays_out(join: Join) -> None:
    cluster = await recovering(join)
    client = Client(cluster.first).connect()
    await cluster.first.sio.enter_room(client.sid, "a")
    client.drop()
    await cluster.second.sio.leave_room(client.sid, "a")
    await until(lambda: not any(session.rooms for session in away(cluster).values()))
    await cluster.second.sio.emit("n", 1, room="a")
    assert await back(client, cluster.second)
    assert cluster.second.sio.rooms(client.sid) == [client.sid]
    assert client.received == []


async def test_a_session_is_given_once(join: Join) -> None:
    cluster = await recovering(join)
    client = Client(cluster.first).connect().drop()
    twin = Client(cluster.first)
    twin.pid, sid = client.pid, client.sid
    assert await back(client, cluster.first)
    assert await back(twin, cluster.second)
    assert twin.sid == sid
    assert not client.session.is_open  # the later one has it


async def test_a_wrong_claim_makes_a_new_client(join: Join) -> None:
    cluster = await recovering(join, namespaces=("/", "/news"))
    news = Client(cluster.first, "/news").connect().drop()
    for pid, offset in (("first-server.forged", None), ("nobody.x", "nobody.1"), (news.pid, None)):
        client = Client(cluster.second)
        client.pid, client.offset = pid, offset
        assert not await back(client, cluster.second)
    assert await back(news, cluster.second)


async def test_nothing_is_left_behind(join: Join, kind: str) -> None:
    if kind == "streams":
        pytest.skip("it is in Redis")
    cluster = await recovering(join)
    client = Client(cluster.first).connect()
    await cluster.first.sio.enter_room(client.sid, "a")
    client.drop()
    assert await back(client, cluster.second)
    await until(lambda: not any(len(store.awaited) for store in stores(cluster)))
    first = stores(cluster)[0]
    if not cluster.is_one:
        assert (first._away, first._users) == ({}, {})
    client.session.receive("1")
    assert all(store._users == {} for store in stores(cluster))


def away(cluster: Cluster) -> dict[str, RecoverableSession]:
    """Return the sessions of clients that are away from the first server, where it has them itself."""
    sessions: dict[str, RecoverableSession] = getattr(stores(cluster)[0], "_away", {})
    return sessions


def stores(cluster: Cluster) -> list[Any]:
    """Return what keeps the sessions of each server."""
    recoveries = [harness.sio._hub.recovery for harness in cluster.servers]
    return [recovery.store for recovery in recoveries if recovery is not None]
