"""The same official clients on Node's server and on ours: what everyone sees is equal.

Where the two differ by intent a scenario doesn't look: the words for a disconnect's reason on the server
are python-socketio's here (`events_application.REASONS` translates them).
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from .harness.either import Compare, Either
from .harness.events_application import events
from .harness.node import Transport
from .harness.parsers import every_parser
from .harness.transcript import Clients

every_transport = pytest.mark.parametrize(
    "transport", [Transport.WEBSOCKET, Transport.POLLING], ids=lambda transport: transport.value
)


async def connects_and_refusals(server: Either, clients: Clients) -> None:
    one = await clients.connect(auth={"token": "ключ", "nested": [1, None, {"a": True}]})
    await clients.connect("/chat", beside=one)
    for auth in (
        {"refuse": "no"},
        {"refuse": "no", "data": {"code": 3, "why": ["a", 1.5, None]}},
        {"refuse": "no", "data": "text"},
        {"refuse": "no", "data": [1]},
        {"refuse": "не сегодня", "data": 0},
        {"refuse": ""},
    ):
        for name in ("/", "/chat"):
            refused = await clients.open(name, auth)
            await refused.next("connect_error")
    unknown = await clients.open("/unknown", beside=one)
    await unknown.next("connect_error")
    clients.note("still connected", await one.call("echo", 1))


async def disconnects(server: Either, clients: Clients) -> None:
    by_client = await clients.connect()
    await by_client.disconnect()
    await server.log.next("disconnect")
    await by_client.connect()  # over a new connection
    await by_client.connected()
    by_server = await clients.connect("/chat", beside=by_client)
    await server.do("disconnect", "/chat", by_server.sid, False)
    await by_server.next("disconnect")
    await server.log.next("disconnect")
    clients.note("the other namespace", await by_client.call("echo", 1))
    await by_server.connect()
    await by_server.connected()
    await server.do("disconnect", "/", by_client.sid, True)
    for client in (by_client, by_server):
        await client.next("disconnect")
        await server.log.next("disconnect")
    lost = await clients.connect()
    await lost.manager.close_engine()
    await lost.next("disconnect")
    await server.log.next("disconnect")


async def broadcasts(server: Either, clients: Clients) -> None:
    one, two, three = [await clients.connect() for _ in range(3)]
    other = await clients.connect("/chat")
    await one.call("join", "a")
    await two.call("join", "a")
    await two.call("join", "b")
    await three.call("join", "b")
    for to, but, number in (
        ([], [], 0),
        (["a"], [], 1),
        (["a", "b"], [], 2),
        (["a", "b"], ["b"], 3),
        ([], ["a"], 4),
        ([], [one.sid, "b"], 5),
        ([two.sid], [], 6),
        ([two.sid, "a"], [two.sid], 7),
        (["nobody"], [], 8),
        (["a"], ["nobody"], 9),
    ):
        await server.do("emit", "/", to, but, "event", number)
    await two.call("leave", "a")
    await server.do("emit", "/", ["a"], [], "after leaving", {"nested": [1]})
    await one.call("shout", None, "to all others")
    await one.call("shout", "b", "to b")
    await three.call("shout", "b", "to others in b")
    await server.do("emit", "/chat", [], [], "event", "elsewhere")
    for client in (one, two, three, other):
        await client.call("echo")


async def acknowledgments(server: Either, clients: Clients) -> None:
    client = await clients.connect()
    args: tuple[Any, ...]
    for args in ((), (1,), ([],), (1, "two", None), (b"\x00\xff",), ([b"a", {"b": b""}], 1.5)):
        clients.note("call", *await client.call("echo", *args))
        clients.note("with a time-out", await client.emit_with_ack("echo", *args, timeout_ms=10_000))
    answers = await asyncio.gather(*(client.call("echo", number, bytes([number])) for number in range(50)))
    clients.note("at once", answers)
    for answer in ((), ("one",), (["a", "list"],), ({"bytes": b"\x01"},)):
        await client.answer("question", *answer)
        # Node's emitWithAck has the first argument of an answer only.
        clients.note("answer", await server.do("ask", "/", client.sid, "question", "?", 1, b"\x02"))
    await client.never_answer("question")
    await server.do("askBriefly", "/", client.sid, "question")
    clients.note("connected", await client.call("echo", "still"))


async def values(server: Either, clients: Clients) -> None:
    await exchange(server, clients, VALUES)


async def extreme_values(server: Either, clients: Clients) -> None:
    await exchange(server, clients, EXTREME_VALUES)


async def exchange(server: Either, clients: Clients, values: list[list[Any]]) -> None:
    client = await clients.connect()
    for args in values:
        await client.emit("note", *args)
        clients.note("echo", *await client.call("echo", *args))
        await server.do("emit", "/", [], [], "values", *args)
        await client.next("values")


VALUES: list[list[Any]] = [
    [],
    [None, True, False, 0, -1, 1.5, 1e15, -2.5e-300, 2**53 - 1, -(2**53) + 1],
    ["", "é 😀 \u2028 \x00", '"quoted" \\', "2[1]", "51-[]"],
    [{}, [], {"": {}}, {"__proto": 1, "a": {"b": [[[]]]}}],
    [b"", bytes(range(256)), [b"1", {"deep": [b"2", {"deeper": b"3"}]}]],
    [{"_placeholder": False, "num": 0}, b"beside it"],
]

EXTREME_VALUES: list[list[Any]] = [[1e300, -1e22], ["\ud83d half a pair", "\ude00"]]
"""What socket.io-msgpack-parser damages on its way out, on whichever side it is."""

SCENARIOS = [connects_and_refusals, disconnects, broadcasts, acknowledgments, values]

every_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)


@every_transport
@every_scenario
async def test_the_same_is_seen(compare: Compare, scenario: Any, transport: Transport) -> None:
    await compare(events(), scenario, transport)


async def test_the_same_is_seen_of_extreme_values(compare: Compare) -> None:
    await compare(events(), extreme_values)


@every_scenario
@every_parser
async def test_the_same_is_seen_with_another_parser(
    compare: Compare, scenario: Any, parser: str, serializer: Any
) -> None:
    await compare(events({"parser": parser}, serializer=serializer), scenario, parser=parser)
