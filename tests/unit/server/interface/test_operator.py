from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from rtserver.server.answers import Fetched, SocketDetails
from rtserver.server.interface.operator import BroadcastOperator, Chain
from rtserver.server.interface.remote import RemoteSocket
from rtserver.server.interface.socket import Socket
from rtserver.server.target import PLAIN, Flags, Target
from tests.unit.server.harness import FakeSession, Harness, manual_clock, turns
from tests.unit.server.interface.cluster import ClusterManager


class Clients:
    """Three clients, each in a room of a letter: a, b and c."""

    def __init__(self, **how: Any) -> None:
        self.harness = Harness(**how)
        self.sio = self.harness.sio
        self.sessions: list[FakeSession] = [self.harness.session() for _ in "abc"]
        self.sids = [session.join() for session in self.sessions]
        for sid, room in zip(self.sids, "abc", strict=True):
            self.sio._local.join(Target("/", (sid,)), (room,))

    def who_got(self, *packets: str) -> str:
        """Return the letters of those that got exactly these; the others got nothing."""
        got = ""
        for session, letter in zip(self.sessions, "abc", strict=True):
            taken = session.take()
            assert taken in ([], list(packets))
            got += letter if taken else ""
        return got


Step = Callable[[Chain], BroadcastOperator]


@pytest.mark.parametrize(
    ("chain", "reached"),
    [
        (lambda to: to.local, "abc"),
        (lambda to: to.to("a"), "a"),
        (lambda to: to.in_("a"), "a"),
        (lambda to: to.to("a").to("b"), "ab"),
        (lambda to: to.to("a", "b"), "ab"),
        (lambda to: to.to(["a", "b"], "a"), "ab"),
        (lambda to: to.to({"c"}), "c"),
        (lambda to: to.to("nobody"), ""),
        (lambda to: to.to([]), ""),
        (lambda to: to.to([]).to("a"), "a"),
        (lambda to: to.except_("a"), "bc"),
        (lambda to: to.except_("a", ["b"]), "c"),
        (lambda to: to.except_([]), "abc"),
        (lambda to: to.to("a", "b").except_("a").except_("c"), "b"),
    ],
)
async def test_who_is_reached(chain: Step, reached: str) -> None:
    clients = Clients()
    operator = chain(clients.sio)
    await operator.emit("event", 1, [2])
    assert clients.who_got('42["event",1,[2]]') == reached
    await operator.emit("again")
    assert clients.who_got('42["again"]') == reached


async def test_a_step_changes_no_chain() -> None:
    clients = Clients()
    room = clients.sio.to("a")
    assert room.to("b").volatile.rooms == ("a", "b")
    await room.emit("event")
    assert clients.who_got('42["event"]') == "a"


async def test_a_tuple_is_one_argument() -> None:
    clients = Clients()
    await clients.sio.to("a").emit("event", (1, 2), None)
    assert clients.who_got('42["event",[1,2],null]') == "a"


@pytest.mark.parametrize(
    ("chain", "flags"),
    [
        (lambda to: to.volatile, Flags(volatile=True)),
        (lambda to: to.compress(False), Flags(compress=False)),
        (lambda to: to.conflate("price"), Flags(key="price")),
        (lambda to: to.volatile.compress(False).conflate("x"), Flags(True, False, "x")),
    ],
)
async def test_how_it_is_delivered(chain: Step, flags: Flags) -> None:
    manager = ClusterManager()
    clients = Clients(manager=manager)
    await chain(clients.sio).emit("event")
    assert manager.asked == [("emit", Target("/"), ["event"], flags)]


async def test_an_ordinary_event_has_the_one_constant_as_its_flags() -> None:
    clients = Clients()
    assert clients.sio.compress(False).compress(True).flags is PLAIN


async def test_a_volatile_event_is_dropped_for_who_is_not_ready() -> None:
    clients = Clients()
    clients.sessions[1].writable = False
    await clients.sio.volatile.emit("event")
    assert clients.who_got('42["event"]') == "ac"


async def test_local_leaves_the_manager_out() -> None:
    manager = ClusterManager(Fetched([], ["another"]))
    clients = Clients(manager=manager)
    local = clients.sio.local
    await local.emit("event")
    assert clients.who_got('42["event"]') == "abc"
    await local.sockets_join("room")
    await local.to("a").sockets_leave("room")
    fetched = await local.to("room").fetch_sockets()
    assert ({socket.id for socket in fetched}, fetched.silent) == ({*clients.sids[1:]}, ())
    assert await local.timeout(0).emit_with_ack("event") == []
    await local.disconnect_sockets()
    assert manager.asked == []
    assert clients.sio.rooms(clients.sids[0]) == []


async def test_a_manager_that_is_alone_learns_of_local_events_too() -> None:
    class Alone(ClusterManager):
        alone = True

    manager = Alone()
    await Clients(manager=manager).sio.local.emit("event")
    assert manager.asked == [("emit", Target("/"), ["event"], PLAIN)]


async def test_everything_else_asks_the_manager() -> None:
    manager = ClusterManager()
    clients = Clients(manager=manager)
    chain = clients.sio.to("a").except_("b")
    target = Target("/", ("a",), ("b",))
    await chain.sockets_join("x", ["y"])
    await chain.sockets_leave("x")
    await chain.timeout(3).fetch_sockets()
    await chain.fetch_sockets()
    await chain.timeout(0).emit_with_ack("event", 1)
    await chain.disconnect_sockets(close=True)
    assert manager.asked == [
        ("join", target, ("x", "y")),
        ("leave", target, ("x",)),
        ("fetch", target, 3),
        ("fetch", target, 5.0),
        ("ask", target, ["event", 1], PLAIN, 0),
        ("disconnect", target, True),
    ]


async def test_nobody_is_nothing_to_do() -> None:
    manager = ClusterManager()
    nobody = Clients(manager=manager).sio.to([])
    await nobody.emit("event")
    await nobody.sockets_join("x")
    await nobody.sockets_leave("x")
    await nobody.disconnect_sockets()
    assert await nobody.fetch_sockets() == []
    answers = await nobody.emit_with_ack("event")
    assert (answers, answers.complete) == ([], True)
    assert manager.asked == []


@pytest.mark.parametrize("chain", [lambda to: to.to("a", "b"), lambda to: to.local.to("a", "b")])
async def test_the_answers_of_all_with_who_is_late_and_who_left(chain: Step) -> None:
    loop, clock = manual_clock()
    clients = Clients(clock=clock)
    first, second, _ = clients.sessions
    asking = asyncio.ensure_future(chain(clients.sio).timeout(2).emit_with_ack("question"))
    await turns()
    assert clients.who_got('421["question"]') == "ab"
    first.receive('31["yes",1]')
    loop.advance(2.1)
    answers = await asking
    assert list(answers) == [("yes", 1)]
    assert (answers.missing, answers.complete) == ((clients.sids[1],), False)
    second.receive('31["late"]')
    assert clients.sio.counters.unknown_acks == 1
    assert len(clock) == len(clients.sessions) - 3


async def test_without_a_timeout_it_waits_until_all_have_answered_or_left() -> None:
    clients = Clients()
    asking = asyncio.ensure_future(clients.sio.to("a", "b").emit_with_ack("question"))
    await turns()
    clients.sessions[0].close()
    await turns()
    assert not asking.done()
    clients.sessions[1].receive("31[]")
    answers = await asking
    assert (list(answers), answers.missing) == ([None], (clients.sids[0],))


async def test_fetched_sockets_are_those_here_and_those_elsewhere() -> None:
    details = SocketDetails("remote", {"issued": 1_000}, ["remote", "a"], {"name": "Ada"})
    clients = Clients(manager=ClusterManager(Fetched([details], ["deaf"])))
    here, elsewhere = fetched = await clients.sio.in_("a").fetch_sockets()
    assert here == clients.sio.socket(clients.sids[0])
    assert isinstance(here, Socket)
    assert isinstance(elsewhere, RemoteSocket)
    assert (elsewhere.id, elsewhere.rooms, elsewhere.data) == ("remote", {"remote", "a"}, {"name": "Ada"})
    assert fetched.silent == ("deaf",)


async def test_closing_tells_the_client_for_each_of_its_namespaces_first() -> None:
    clients = Clients(namespaces=("/", "/other"))
    session = clients.sessions[0]
    session.join("/other")
    await clients.sio.to("a").disconnect_sockets(close=True)
    assert session.take() == ["41", "41/other,"]
    assert not session.is_open
    await clients.sio.disconnect_sockets()
    assert clients.who_got("41") == "bc"
    assert clients.sessions[1].is_open


async def test_what_cannot_be_sent_raises_and_leaves_nothing_behind() -> None:
    clients = Clients()
    unserializable: Any = object()
    with pytest.raises(TypeError):
        await clients.sio.to("a").emit("event", unserializable)
    with pytest.raises(TypeError):
        await clients.sio.to("a").emit_with_ack("event", unserializable)
    found = clients.sio._hub.find("/", clients.sids[0])
    assert found is not None
    assert found.acks is None
    with pytest.raises(ValueError, match="disconnect"):
        await clients.sio.to("a").emit("disconnect")
