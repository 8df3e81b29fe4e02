from __future__ import annotations

from typing import Any

from rtserver.server.namespace import Namespace
from rtserver.server.socket import NOWHERE, Socket

CLIENT: Any = None


def make(*sids: str) -> tuple[Namespace, list[Socket]]:
    namespace = Namespace("/")
    sockets = [Socket(sid, CLIENT, namespace, NOWHERE) for sid in sids]
    namespace.sockets.update({socket.sid: socket for socket in sockets})
    return namespace, sockets


def test_rooms_hold_their_members_in_order_and_vanish_with_the_last() -> None:
    namespace, (a, b) = make("a", "b")
    namespace.enter(a, "room")
    namespace.enter(b, "room")
    namespace.enter(b, "room")
    assert list(namespace.members("room")) == [a, b]
    assert namespace.rooms_of(b) == ["b", "room"]
    namespace.leave(a, "room")
    namespace.leave(a, "room")
    namespace.leave(b, "room")
    assert namespace.rooms == {}
    assert a.rooms is None


def test_a_sid_is_a_room_of_its_own() -> None:
    namespace, (a,) = make("a")
    assert list(namespace.members("a")) == [a]
    namespace.enter(a, "a")
    namespace.leave(a, "a")
    assert namespace.rooms == {}
    assert list(namespace.members("a")) == [a]


def test_another_client_may_enter_the_room_of_a_sid() -> None:
    namespace, (a, b) = make("a", "b")
    namespace.enter(b, "a")
    assert list(namespace.members("a")) == [a, b]
    assert namespace.rooms_of(b) == ["b", "a"]
    namespace.leave(b, "a")
    assert namespace.rooms == {}
    assert list(namespace.members("a")) == [a]
    namespace.enter(b, "a")
    namespace.discard(a)
    assert list(namespace.members("a")) == [b]
    namespace.discard(b)
    assert (namespace.rooms, namespace.sockets) == ({}, {})


def test_a_union_has_each_member_once() -> None:
    namespace, (a, b, c) = make("a", "b", "c")
    namespace.enter(a, "x")
    namespace.enter(b, "x")
    namespace.enter(b, "y")
    assert list(namespace.union(["x", "y", "c", "a", "nobody"])) == [a, b, c]


def test_forgetting_a_socket_leaves_nothing() -> None:
    namespace, (a, b) = make("a", "b")
    for socket in (a, b):
        namespace.enter(socket, "x")
        namespace.enter(socket, 7)
    assert namespace.rooms_of(a) == ["a", "x", 7]
    namespace.discard(a)
    namespace.discard(a)
    assert list(namespace.members(7)) == [b]
    namespace.discard(b)
    assert (namespace.rooms, namespace.sockets) == ({}, {})
