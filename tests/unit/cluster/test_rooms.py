"""What a bus is told of the rooms of its server."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

import pytest

from rtserver.cluster import rooms as module
from rtserver.cluster.clustered import ClusterManager
from rtserver.cluster.rooms import FollowsRooms, LocalRooms, concerns, concerns_any
from rtserver.server.delivery.history import History
from rtserver.server.reasons import Reason
from rtserver.server.recovery.options import ConnectionStateRecovery
from tests.support.bus import Exchange, LoopBus
from tests.support.engine import until
from tests.unit.server.harness import FakeSession, Harness

PRIVATE = 20
"""The length of a sid."""


class Follower(LoopBus):
    """A bus that listens to rooms, but not to those that clients have of their own."""

    def __init__(self) -> None:
        super().__init__(Exchange(), "a")
        self.told: list[tuple[str, ...]] = []
        self.settling: list[tuple[str, Sequence[str]]] = []
        self.rooms: LocalRooms

    def follow(self, rooms: LocalRooms) -> None:
        self.rooms = rooms
        rooms.watch(self)

    def takes(self, room: str) -> bool:
        return len(room) != PRIVATE

    def listen(self, namespace: str, room: str) -> None:
        self.told.append(("listen", namespace, room))

    def ignore(self, namespace: str, room: str) -> None:
        self.told.append(("ignore", namespace, room))

    def settle(self, namespace: str, rooms: Sequence[str]) -> Awaitable[object] | None:
        self.settling.append((namespace, rooms))
        return None

    def take(self) -> list[tuple[str, ...]]:
        told, self.told = self.told, []
        return told


class Followed:
    def __init__(self, **settings: Any) -> None:
        self.bus = Follower()
        self.harness = Harness(manager=ClusterManager(self.bus), **settings)
        self.sio = self.harness.sio

    def client(self) -> tuple[FakeSession, str]:
        session = self.harness.session()
        return session, session.join()


@pytest.fixture(autouse=True)
def short_linger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINGER", 0.01)


async def test_the_first_to_enter_and_the_last_to_leave_are_told() -> None:
    followed = Followed()
    sio, bus = followed.sio, followed.bus
    (_, one), (two, two_sid) = followed.client(), followed.client()
    await sio.enter_room(one, "x")
    await sio.enter_room(two_sid, "x")
    assert bus.take() == [("listen", "/", "x")]
    assert bus.rooms.has_members("/", "x")
    await sio.leave_room(one, "x")
    two.close(Reason.TRANSPORT_CLOSE)
    assert bus.take() == []
    await until(lambda: bus.told == [("ignore", "/", "x")])
    assert not bus.rooms.has_members("/", "x")


async def test_a_room_that_is_entered_again_soon_is_listened_to_all_the_time() -> None:
    followed = Followed()
    sio, bus = followed.sio, followed.bus
    _, sid = followed.client()
    await sio.enter_room(sid, "x")
    await sio.enter_room(sid, "y")
    for room in ("x", "y"):
        await sio.leave_room(sid, room)
    await sio.enter_room(sid, "x")
    await until(lambda: ("ignore", "/", "y") in bus.told)
    assert bus.told == [("listen", "/", "x"), ("listen", "/", "y"), ("ignore", "/", "y")]


async def test_rooms_are_listened_to_before_a_client_comes_to_them() -> None:
    followed = Followed()
    sio, bus = followed.sio, followed.bus
    _, sid = followed.client()
    await sio.enter_room(sid, "x")
    bus.take()
    bus.settling.clear()
    assert bus.rooms.expect("/", ["x", "y", 12, sid]) is None
    assert bus.take() == [("listen", "/", "y"), ("listen", "/", "12")]
    assert bus.settling == [("/", ["x", "y", "12"])]


async def test_a_room_stays_while_somebody_may_come_back_to_it() -> None:
    followed = Followed(recovery=ConnectionStateRecovery(0.2))
    bus = followed.bus
    session = followed.harness.session()
    session.receive("0")
    sid = next(iter(followed.sio._hub.namespaces["/"].sockets))
    await followed.sio.enter_room(sid, "x")
    session.close(Reason.TRANSPORT_CLOSE)
    assert bus.rooms.has_members("/", "x")
    assert bus.rooms.has_members("/", sid)
    await until(lambda: ("ignore", "/", "x") in bus.told)
    assert not bus.rooms.has_members("/", "x")


async def test_numbers_are_rooms_by_their_names_and_other_objects_are_none() -> None:
    followed = Followed()
    sio, bus = followed.sio, followed.bus
    _, sid = followed.client()
    for room in (12, "12", ("a", 1), "9" * PRIVATE):
        await sio.enter_room(sid, room)
    assert bus.settling == [("/", ["12"]), ("/", ["12"])]
    await sio.leave_room(sid, 12)
    await sio.leave_room(sid, "12")
    await until(lambda: ("ignore", "/", "12") in bus.told)
    assert bus.told == [("listen", "/", "12"), ("ignore", "/", "12")]


async def test_a_room_with_a_history_always_has_members() -> None:
    followed = Followed(history=History("chat:*"))
    assert followed.bus.rooms.has_members("/", "chat:1")
    assert not followed.bus.rooms.has_members("/", "other")


async def test_a_bus_that_does_not_ask_costs_nothing() -> None:
    bus = LoopBus(Exchange(), "a")
    harness = Harness(manager=ClusterManager(bus))
    harness.session().join()
    assert not isinstance(bus, FollowsRooms)
    assert harness.sio._hub.namespaces["/"].observers == ()
    assert harness.sio.manager.settle("/", ["x"]) is None


def test_the_name_of_a_channel_can_be_that_of_a_number() -> None:
    there = {"x", 12, "13"}

    def has_members(namespace: str, room: Any) -> bool:
        return room in there

    assert [room for room in ("x", "12", "13", "14", "", "9" * 5000) if concerns(has_members, "/", room)] == [
        "x",
        "12",
        "13",
    ]
    assert concerns_any(has_members, "/", [])
    assert concerns_any(has_members, "/", ["y", 12])
    assert not concerns_any(has_members, "/", ["y", ["x"], {}, None])
