"""Two of our servers, one of Node's with the official adapter, and official clients on each of them.

Every method of the interface that concerns a cluster, from every side, in every mode. One cluster serves all
tests of a mode.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
import socketio

from .conftest import NodeKeeper
from .harness.events import EventLog
from .harness.interface_application import Steps
from .harness.mixed import MODES, OURS, SIDES, TWENTY, Event, MixedCluster, mixed_cluster

pytestmark = pytest.mark.asyncio(loop_scope="module")

every_side = pytest.mark.parametrize("side", SIDES)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=MODES)
async def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, node_keeper: NodeKeeper
) -> AsyncIterator[MixedCluster]:
    folder = tmp_path_factory.mktemp("redis")
    async with mixed_cluster(MODES[request.param], folder, node_keeper.get()) as cluster:
        yield cluster


def of_each(names: list[str], *events: Event) -> dict[str, list[Event]]:
    """Return what `MixedCluster.events` does when each of these clients has received these events."""
    return {name: list(events) for name in names}


# Events for clients.


class Delivery(NamedTuple):
    """A chain, and the letters of the clients that it is for."""

    steps: Steps
    letters: str
    namespace: str = "/"


DELIVERIES = {
    "everyone": Delivery([], "abc"),
    "another namespace": Delivery([], "d", "/chat"),
    "a room": Delivery([["to", "red"]], "ab"),
    "a room of another namespace": Delivery([["to", "red"]], "d", "/chat"),
    "rooms, each client once": Delivery([["to", ["red", "blue"]]], "ab"),
    "rooms, one after another": Delivery([["to", "blue"], ["in_", "nobody"]], "b"),
    "a room with another name": Delivery([["to", "grün ☘"]], "b"),
    "a room with a name as long as an id": Delivery([["to", TWENTY]], "b"),
    "a room without members": Delivery([["to", "nobody"]], ""),
    "all but a room": Delivery([["except_", "blue"]], "ac"),
    "a room but another": Delivery([["to", "red"], ["except_", ["blue", "nobody"]]], "a"),
    "without compression": Delivery([["compress", False], ["to", "red"]], "ab"),
}
ARGUMENTS: dict[str, list[Any]] = {
    "none": [],
    "JSON": [1, -2.5, "é☘", None, True, {"nested": [{"deeply": []}]}],
    "binary": [b"\x00\xff", {"nested": [b""]}, "text"],
}


@pytest.mark.parametrize("name", DELIVERIES)
@every_side
async def test_events(cluster: MixedCluster, side: str, name: str) -> None:
    await check_delivery(cluster, side, DELIVERIES[name])


@pytest.mark.parametrize("name", DELIVERIES)
async def test_events_of_emitters(cluster: MixedCluster, name: str) -> None:
    for emitter in cluster.emitters:
        await check_delivery(cluster, emitter, DELIVERIES[name])


async def check_delivery(cluster: MixedCluster, side: str, delivery: Delivery) -> None:
    events = []
    for name, args in ARGUMENTS.items():
        await cluster.run(side, delivery.namespace, *delivery.steps, ["emit", name, *args])
        events.append((name, *args))
    assert await cluster.events(side) == of_each(cluster.names(delivery.letters), *events)


@every_side
async def test_volatile_events(cluster: MixedCluster, side: str) -> None:
    await check_volatile(cluster, side)


async def test_volatile_events_of_emitters(cluster: MixedCluster) -> None:
    for emitter in cluster.emitters:
        await check_volatile(cluster, emitter)


async def check_volatile(cluster: MixedCluster, side: str) -> None:
    """Send them one by one, so that every client is ready for the next."""
    for chain, letters in (([], "abc"), ([["to", "red"]], "ab")):
        for args in ARGUMENTS.values():
            await cluster.run(side, "/", *chain, ["volatile"], ["emit", "event", *args])
            assert await cluster.events(side) == of_each(cluster.names(letters), ("event", *args))


@every_side
async def test_one_client_wherever_it_is(cluster: MixedCluster, side: str) -> None:
    for name in cluster.names("a"):
        client = cluster.clients[name]
        await cluster.run(side, "/", ["to", client.sid], ["emit", "event", name, b"\x01"])
        assert await cluster.events(side) == {name: [("event", name, b"\x01")]}
        await cluster.run(side, "/", ["to", "red"], ["except_", client.sid], ["emit", "event", name])
        assert list(await cluster.events(side)) == [each for each in cluster.names("ab") if each != name]


@every_side
async def test_only_clients_of_this_server(cluster: MixedCluster, side: str) -> None:
    await cluster.run(side, "/", ["local"], ["to", "red"], ["emit", "event"])
    assert await cluster.events(side) == of_each(cluster.names("ab", (side,)), ("event",))


@every_side
async def test_what_a_client_sends_to_the_others(cluster: MixedCluster, side: str) -> None:
    itself = f"{side} a"
    await cluster.run(side, f"@{itself}", ["broadcast"], ["emit", "event"])
    assert list(await cluster.events(side)) == [each for each in cluster.names("abc") if each != itself]
    await cluster.run(side, f"@{itself}", ["to", "red"], ["emit", "event", 1])
    assert list(await cluster.events(side)) == [each for each in cluster.names("ab") if each != itself]


async def test_a_date_of_node_is_text_everywhere(cluster: MixedCluster) -> None:
    date = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    await cluster.run("node", "/", ["emit", "event", date])
    found = await cluster.events("node")
    assert list(found) == cluster.names("abc")
    assert {datetime.fromisoformat(text) for events in found.values() for _, text in events} == {date}


# Acknowledgments.


def answered(result: dict[str, Any]) -> tuple[list[Any], bool]:
    """Return the answers, and whether all have come."""
    return sorted(result["answers"], key=str), not result["late"]


@every_side
async def test_acknowledgments_of_everyone(cluster: MixedCluster, side: str) -> None:
    question: Steps = [["timeout", 10], ["emit_with_ack", "question", {"a": [1]}, b"\x01"]]
    names = cluster.names("abc")
    assert answered(await cluster.run(side, "/", *question)) == (names, True)
    assert await cluster.events(side) == of_each(names, ("question", {"a": [1]}, b"\x01"))
    names = cluster.names("d")
    assert answered(await cluster.run(side, "/chat", *question)) == (names, True)
    assert list(await cluster.events(side)) == names


@every_side
async def test_acknowledgments_of_rooms_and_clients(cluster: MixedCluster, side: str) -> None:
    question: Steps = [["timeout", 10], ["emit_with_ack", "question"]]
    names = cluster.names("b")
    assert answered(await cluster.run(side, "/", ["to", "blue"], *question)) == (names, True)
    assert list(await cluster.events(side)) == names
    assert answered(await cluster.run(side, "/", ["to", "nobody"], *question)) == ([], True)
    for name in cluster.names("c"):
        sid = cluster.clients[name].sid
        assert answered(await cluster.run(side, "/", ["to", sid], *question)) == ([name], True)
        assert list(await cluster.events(side)) == [name]


@every_side
async def test_acknowledgments_with_bytes_and_of_those_that_never_answer(
    cluster: MixedCluster, side: str
) -> None:
    for number, name in enumerate(cluster.names("c")):
        await cluster.clients[name].answer("binary", bytes([number]))
        if name.startswith(side):
            await cluster.clients[name].never_answer("binary")
    result = await cluster.run(side, "/", ["except_", "red"], ["timeout", 0.5], ["emit_with_ack", "binary"])
    expected = [
        bytes([number]) for number, name in enumerate(cluster.names("c")) if not name.startswith(side)
    ]
    assert answered(result) == (expected, False)
    await cluster.events(side)


# Sockets of other servers.


@every_side
async def test_fetched_sockets_are_the_same_everywhere(cluster: MixedCluster, side: str) -> None:
    for namespace, chain, letters in (
        ("/", [], "abc"),
        ("/chat", [], "d"),
        ("/", [["in_", "red"]], "ab"),
        ("/", [["in_", ["red", "blue"]], ["except_", "blue"]], "a"),
        ("/", [["in_", "nobody"]], ""),
    ):
        sockets = await cluster.run(side, namespace, *chain, ["fetch_sockets"])
        assert [each["data"]["name"] for each in sockets] == cluster.names(letters)
        for socket in sockets:
            name = socket["data"]["name"]
            assert socket["auth"]["name"] == name
            assert socket["rooms"] == sorted(socket["auth"]["rooms"])
            assert socket["in_its_own"]
            assert socket["dated"]
            assert (socket["secure"], socket["xdomain"]) == (False, False)
            assert socket["query"] == {"EIO": "4", "transport": "websocket"}
            assert socket["url"] == "/socket.io/?EIO=4&transport=websocket"
            assert {"host", "upgrade", "sec-websocket-key"} <= set(socket["headers"])


@every_side
async def test_one_fetched_socket(cluster: MixedCluster, side: str) -> None:
    for other in SIDES:
        client = await cluster.connect(other, "fetched")
        room = f"{other} by {side}"  # a server listens for a room some time longer than it has members

        async def remote(*steps: list[Any], sid: str = client.sid) -> None:
            await cluster.sides[side].do("remote", "/", sid, list(steps))

        await remote(["emit", "event", b"\x01"])
        assert await cluster.events(side) == {f"{other} fetched": [("event", b"\x01")]}
        await remote(["join", room])
        await cluster.events(side)
        await cluster.listening(1, room=room)
        await cluster.run(side, "/", ["to", room], ["emit", "event", 1])
        assert await cluster.events(side) == {f"{other} fetched": [("event", 1)]}
        await remote(["leave", room])
        await cluster.events(side)
        await cluster.run(side, "/", ["to", room], ["emit", "event", 2])
        assert await cluster.events(side) == {}
        cluster.forget(f"{other} fetched")
        await remote(["disconnect"])
        assert await client.next("disconnect") == ["io server disconnect"]
        assert (await cluster.run(side, "/", ["in_", client.sid], ["fetch_sockets"])) == []


# Rooms and connections.


@every_side
async def test_joining_and_leaving(cluster: MixedCluster, side: str) -> None:
    await check_rooms(cluster, side)


async def test_joining_and_leaving_by_emitters(cluster: MixedCluster) -> None:
    for emitter in cluster.emitters:
        await check_rooms(cluster, emitter)


async def check_rooms(cluster: MixedCluster, side: str) -> None:
    letters = {"a": "a", "b": "b"}
    await cluster.run(side, "/", ["in_", "blue"], ["sockets_join", ["green", "later"]])
    await cluster.run(side, "/", ["in_", cluster.clients["two c"].sid], ["sockets_join", "green"])
    await cluster.events(side)
    await cluster.listening(len(SIDES), room="green")
    for asking in SIDES:
        await cluster.run(asking, "/", ["to", "green"], ["emit", "event", letters])
        expected = sorted([*cluster.names("b"), "two c"])
        assert await cluster.events(asking) == of_each(expected, ("event", letters))
    # Over pub/sub Node's servers do what they ask for when their own message comes back.
    await cluster.run(side, "/", ["in_", "later"], ["sockets_leave", "green"])
    await cluster.events(side)
    await cluster.run(side, "/", ["to", "green"], ["emit", "event"])
    assert list(await cluster.events(side)) == ["two c"]
    await cluster.run(side, "/", ["sockets_leave", ["green", "later"]])
    await cluster.events(side)
    await cluster.run(side, "/", ["to", ["green", "later"]], ["emit", "event"])
    assert await cluster.events(side) == {}


@every_side
async def test_disconnecting(cluster: MixedCluster, side: str) -> None:
    await check_disconnecting(cluster, side)


async def test_disconnecting_by_emitters(cluster: MixedCluster) -> None:
    for emitter in cluster.emitters:
        await check_disconnecting(cluster, emitter)


async def check_disconnecting(cluster: MixedCluster, side: str) -> None:
    for each in SIDES:
        await cluster.connect(each, "x", "banned")
        await cluster.connect(each, "y", "banned", "pardoned")
    clients = dict(cluster.clients)
    for chain, letter in (([["except_", "pardoned"]], "x"), ([], "y")):
        gone = cluster.names(letter)
        cluster.forget(*gone)
        close = letter == "y"
        await cluster.run(side, "/", ["in_", "banned"], *chain, ["disconnect_sockets", close])
        for name in gone:
            assert await clients[name].next("disconnect") == ["io server disconnect"]
        assert await cluster.events(side) == {}


# Events for servers.


@every_side
async def test_events_for_servers(cluster: MixedCluster, side: str) -> None:
    await check_server_events(cluster, side, [each for each in SIDES if each != side])
    # Over pub/sub Node's servers send these events as JSON, and bytes in them as an object.
    args = [{"a": 1}, "text" if cluster.wiring.mode == "pubsub" else b"\x02"]
    for namespace in ("/", "/chat"):
        answers = await cluster.run(side, namespace, ["server_side_emit_with_ack", "hello", *args])
        others = ["rtserver", "rtserver"] if side == "node" else ["Node", "rtserver"]
        assert answered(answers) == ([[other, *args] for other in others], True)
        for other in SIDES:
            if other != side:
                assert await cluster.sides[other].log.next("hello") == [namespace, *args]
    # What was emitted before has come, too: not to the one that emitted it.
    assert not cluster.sides[side].log.unread("hello")


async def test_events_for_servers_of_emitters(cluster: MixedCluster) -> None:
    for emitter in cluster.emitters:
        await check_server_events(cluster, emitter, list(SIDES))


async def check_server_events(cluster: MixedCluster, side: str, receivers: list[str]) -> None:
    for namespace in ("/", "/chat"):
        await cluster.run(side, namespace, ["server_side_emit", "hello", side, [None]])
        for other in receivers:
            assert await cluster.sides[other].log.next("hello") == [namespace, side, [None]]


# What python-socketio has beside that, on our servers.


async def test_python_socketios_methods(cluster: MixedCluster) -> None:
    sio = cluster.ours["one"]
    remote = cluster.clients["node c"].sid
    await sio.emit("event", ("two", "arguments"), room="red", skip_sid=cluster.clients["node a"].sid)
    expected = [name for name in cluster.names("ab") if name != "node a"]
    assert await cluster.events("one") == of_each(expected, ("event", "two", "arguments"))
    await sio.send({"bytes": b"\x01"}, to=remote)
    assert await cluster.events("one") == {"node c": [("message", {"bytes": b"\x01"})]}
    assert await sio.call("question", to=remote, timeout=10) == "node c"
    called_back = EventLog("the callback")
    await sio.emit("question", to=remote, callback=lambda *args: called_back.add("called back", *args))
    assert await called_back.next("called back") == ["node c"]
    await cluster.events("one")

    await sio.enter_room(remote, "entered")
    await cluster.events("one")
    await cluster.listening(1, room="entered")
    await sio.emit("event", room="entered")
    assert list(await cluster.events("one")) == ["node c"]
    await sio.close_room("entered")
    await cluster.events("one")
    await sio.emit("event", room="entered")
    assert await cluster.events("one") == {}
    client = await cluster.connect("node", "gone")
    cluster.forget("node gone")
    await sio.disconnect(client.sid)
    assert await client.next("disconnect") == ["io server disconnect"]


async def test_python_socketios_write_only_manager(cluster: MixedCluster) -> None:
    """Its channel is one of its own, of which Node's servers know nothing."""
    manager = socketio.AsyncRedisManager(cluster.redis.url, write_only=True)
    cluster.emitters["python-socketio"] = lambda namespace, steps: manager.emit(
        steps[-1][1], tuple(steps[-1][2:]), namespace=namespace
    )
    ours = {name: client for name, client in cluster.clients.items() if name.startswith(OURS)}
    everyone, cluster.clients = cluster.clients, ours
    try:
        await manager.emit("event", b"\x01", room="red", skip_sid=ours["one a"].sid)
        expected = of_each(["one b", "two a", "two b"], ("event", b"\x01"))
        assert await cluster.events("python-socketio") == expected
        await manager.enter_room(ours["two c"].sid, "/", "entered")
        await manager.emit("event", "text", room="entered")
        assert await cluster.events("python-socketio") == {"two c": [("event", "text")]}
        await manager.leave_room(ours["two c"].sid, "/", "entered")
        await manager.enter_room(ours["one c"].sid, "/", "entered")
        await manager.close_room("entered", "/")
        await manager.emit("event", "text", room="entered")
        assert await cluster.events("python-socketio") == {}
    finally:
        cluster.clients = everyone
        del cluster.emitters["python-socketio"]
        await manager.redis.aclose()
