"""Chains, sockets and what is attached to them, on Node's official server and on ours."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from .harness.either import Compare, Either
from .harness.interface_application import INTERFACE, Steps
from .harness.node import Transport
from .harness.transcript import Clients


class Three:
    """Three clients: a in the rooms x and y, b in y, c in none."""

    def __init__(self, server: Either, clients: Clients) -> None:
        self.server = server
        self.clients = clients
        self.all: list[Any] = []

    async def connect(self, namespace: str = "/", **how: Any) -> None:
        for name, rooms in (("a", ["x", "y"]), ("b", ["y"]), ("c", [])):
            client = await self.clients.connect(namespace, {"name": name, "rooms": rooms}, **how)
            assert await self.server.log.next("connect") == [name]
            self.all.append(client)

    async def run(self, origin: str, *steps: list[Any]) -> None:
        """Run a chain, and note what it returns."""
        self.clients.note(str(steps), await self.server.do("run", origin, list(steps)))

    async def end(self, namespace: str = "/") -> None:
        """Wait until all that was sent has come, so that all are ready for a volatile event."""
        await self.server.do("run", namespace, [["emit", "end"]])
        for client in self.all:
            await client.next("end")


CHAINS: list[Steps] = [
    [],
    [["to", "x"]],
    [["in_", "x"]],
    [["to", ["x", "y"]]],
    [["to", "x"], ["to", "y"]],
    [["except_", "x"]],
    [["except_", ["x"]], ["except_", "y"]],
    [["to", "y"], ["except_", "x"]],
    [["to", "nobody"]],
    [["local"]],
    [["local"], ["to", "x"]],
    [["volatile"]],
    [["volatile"], ["to", "y"], ["compress", False]],
]


async def chains_of_a_namespace(server: Either, clients: Clients) -> None:
    three = Three(server, clients)
    await three.connect("/chat")
    for number, chain in enumerate(CHAINS):
        await three.run("/chat", *chain, ["emit", "event", number, [1, 2], {"a": b"\x00"}])
        await three.end("/chat")


async def test_chains_of_a_namespace(compare: Compare) -> None:
    seen = await compare(INTERFACE, chains_of_a_namespace)
    assert [[args[0] for event, args in each if event == "event"] for each in seen.clients] == [
        [0, 1, 2, 3, 4, 9, 10, 11, 12],
        [0, 3, 4, 5, 7, 9, 11, 12],
        [0, 5, 6, 9, 11],
    ]


async def chains_of_a_socket(server: Either, clients: Clients) -> None:
    three = Three(server, clients)
    await three.connect()
    for number, chain in enumerate([*CHAINS, [["broadcast"]], [["broadcast"], ["to", "y"]]]):
        await three.run("@a", *chain, ["emit", "event", number])
        await three.end()


async def test_chains_of_a_socket(compare: Compare) -> None:
    seen = await compare(INTERFACE, chains_of_a_socket)
    assert [[args[0] for event, args in each if event == "event"] for each in seen.clients] == [
        [0, 11],
        [3, 4, 5, 7, 9, 12, 13, 14],
        [5, 6, 9, 13],
    ]


async def acknowledgments(server: Either, clients: Clients) -> None:
    three = Three(server, clients)
    await three.connect()
    for client, name in zip(three.all, "abc", strict=True):
        await client.answer("question", name)
    ask = ["emit_with_ack", "question", "?"]
    await three.run("/", ["timeout", 10], ask)
    await three.run("/", ["to", "x"], ["timeout", 10], ask)
    await three.run("/", ["to", "nobody"], ["timeout", 10], ask)
    await three.run("@a", ["timeout", 10], ["broadcast"], ask)
    await three.run("@a", ask)
    await three.run("@a", ["timeout", 10], ask)
    await three.all[2].never_answer("question")
    await three.run("/", ["timeout", 0.3], ask)
    await three.run("@c", ["timeout", 0.3], ask)


async def test_acknowledgments(compare: Compare) -> None:
    seen = await compare(INTERFACE, acknowledgments)
    assert [args[0] for _, args in seen.notes] == [
        {"late": False, "answers": ["a", "b", "c"]},
        {"late": False, "answers": ["a"]},
        {"late": False, "answers": []},
        {"late": False, "answers": ["b", "c"]},
        {"late": False, "answers": "a"},
        {"late": False, "answers": "a"},
        {"late": True, "answers": ["a", "b"]},
        {"late": True, "answers": None},
    ]


async def sockets_in_and_out_of_rooms(server: Either, clients: Clients, transport: Transport) -> None:
    three = Three(server, clients)
    await three.connect(transport=transport)
    await three.run("/", ["fetch_sockets"])
    await three.run("/", ["to", "y"], ["except_", "x"], ["sockets_join", ["z", "w"]])
    await three.run("/", ["local"], ["to", "x"], ["sockets_leave", "y"])
    await three.run("@c", ["join", ["v", "u"]])
    await three.run("@c", ["leave", "v"])
    await three.run("@c", ["to", ["z", "x"]], ["fetch_sockets"])
    await three.run("/", ["in_", "z"], ["fetch_sockets"])
    await three.run("/", ["fetch_sockets"])
    await three.run("/chat", ["fetch_sockets"])


@pytest.mark.parametrize("transport", Transport)
async def test_fetched_sockets_and_their_rooms(compare: Compare, transport: Transport) -> None:
    seen = await compare(INTERFACE, partial(sockets_in_and_out_of_rooms, transport=transport))
    fetched = [args[0] for _, args in seen.notes if args[0] is not None]
    assert [[(each["data"]["name"], each["rooms"]) for each in sockets] for sockets in fetched] == [
        [("a", ["x", "y"]), ("b", ["y"]), ("c", [])],
        [("a", ["x"]), ("b", ["w", "y", "z"])],
        [("b", ["w", "y", "z"])],
        [("a", ["x"]), ("b", ["w", "y", "z"]), ("c", ["u"])],
        [],
    ]
    assert fetched[0][0]["auth"] == {"name": "a", "rooms": ["x", "y"]}
    assert fetched[0][0]["dated"]


async def disconnecting(server: Either, clients: Clients) -> None:
    three = Three(server, clients)
    await three.connect()
    a, b, c = three.all
    beside = {}
    for client, name in zip(three.all, "abc", strict=True):
        beside[name] = await clients.connect("/chat", {"name": f"{name} in chat"}, beside=client)
    await three.run("/", ["to", "x"], ["disconnect_sockets"])
    await a.next("disconnect")
    await three.run("/", ["to", "y"], ["disconnect_sockets", True])
    await b.next("disconnect")
    await beside["b"].next("disconnect")
    await three.run("@c", ["disconnect", True])
    await c.next("disconnect")
    await beside["c"].next("disconnect")
    await three.run("@a in chat", ["disconnect"])
    await beside["a"].next("disconnect")


async def test_disconnecting(compare: Compare) -> None:
    seen = await compare(INTERFACE, disconnecting)
    assert [each[-1] for each in seen.clients] == [("disconnect", ["io server disconnect"])] * 6


async def watched(server: Either, clients: Clients) -> None:
    client = await clients.connect("/", {"name": "watched"})
    clients.note("answer", await client.call("shout", "hey"))
    await client.emit("forbidden", "fruit")
    await client.emit("unhandled", "event")
    clients.note("answer", await client.call("shout", "again"))
    for steps in ([], [["to", client.sid]], [["volatile"]]):
        await server.do("run", "/", [*steps, ["emit", "news", 1, "two"]])
        await client.next("news")
    await server.do("run", "@watched", [["emit", "direct", b"\x00"]])
    await client.next("direct")


async def test_what_is_attached_to_a_socket(compare: Compare) -> None:
    seen = await compare(INTERFACE, watched)
    assert [args for _, args in seen.notes] == [[["hey!"]], [["again!"]]]
    assert seen.server == [
        ("connect", ["watched"]),
        *[("first", ["shout"]), ("any", ["shout", "hey"]), ("shout", ["hey!"])],
        *[("first", ["forbidden"]), ("any", ["forbidden", "fruit"])],
        *[("first", ["unhandled"]), ("any", ["unhandled", "event"])],
        *[("first", ["shout"]), ("any", ["shout", "again"]), ("shout", ["again!"])],
        *[("outgoing", ["news", 1, "two"])] * 3,
        ("outgoing", ["direct", b"\x00"]),
    ]
