"""Events, acknowledgements and binary attachments, to and from the official JavaScript clients."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from socketio.exceptions import TimeoutError as AckTimeout

from .harness.cases import every_client, every_transport
from .harness.node import Node, Transport
from .harness.server import Hosting, make_server, recorded

JSON_VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    2**53 - 1,
    1.5,
    -2.5e-300,
    1e300,
    "",
    "plain",
    [],
    {},
    [[[[]]]],
    {"a": {"b": [1, {"c": None}]}, "": "empty key", "ключ": "значение"},
    [1, "two", None, {"three": 3.5}],
]

STRINGS = [
    "naïve café",
    "日本語",
    "astral 😀 𝒳 \U0010ffff",
    "family 👨‍👩‍👧‍👦",
    "".join(map(chr, range(32))) + "\x7f\x80\x9f",
    "separators \x1e \u2028 \u2029 \ufeff \ufffe \uffff",
    'quotes " \\ / \\u0041 \\n',
    'looks like a packet: 42["event"] 2 b4AAA=',
    "null\x00byte",
]


@every_client
@every_transport
async def test_every_json_value_survives_both_ways(
    node: Node, hosting: Hosting, kind: str, transport: Transport
) -> None:
    sio = make_server()
    log = recorded(sio, "values")
    host = await hosting.server(sio)
    client = await node.connect(host.url, kind, transport)
    values = JSON_VALUES + STRINGS
    assert await client.call("values", *values) == values
    assert await log.next("values") == [client.sid, *values]
    await sio.emit("values", tuple(values), to=client.sid)
    assert await client.next("values") == values
    await sio.emit("event\x1ename ☃ \"'", {"in the name": True})
    assert await client.next("event\x1ename ☃ \"'") == [{"in the name": True}]


@every_transport
async def test_a_lone_surrogate_comes_back(node: Node, hosting: Hosting, transport: Transport) -> None:
    # JavaScript strings may hold half a pair; JSON.stringify escapes it, so that it can travel.
    sio = make_server()
    log = recorded(sio, "half")
    host = await hosting.server(sio)
    client = await node.connect(host.url, "4", transport)
    assert await client.call("half", "\ud83d and \ude00") == ["\ud83d and \ude00"]
    assert await log.next("half") == [client.sid, "\ud83d and \ude00"]


@every_client
@every_transport
async def test_a_message_just_under_the_limit(
    node: Node, hosting: Hosting, kind: str, transport: Transport
) -> None:
    sio = make_server(max_http_buffer_size=300_000)
    recorded(sio, "big")
    host = await hosting.server(sio)
    client = await node.connect(host.url, kind, transport)
    text = "é" * 149_900  # two bytes each
    assert await client.call("big", text) == [text]


@every_client
@every_transport
async def test_a_message_over_the_limit_closes_the_connection(
    node: Node, hosting: Hosting, kind: str, transport: Transport
) -> None:
    sio = make_server(max_http_buffer_size=300_000)
    log = recorded(sio, "big", "small")
    host = await hosting.server(sio)
    client = await node.connect(host.url, kind, transport)
    bystander = await node.connect(host.url, kind, transport)
    await client.emit("big", "x" * 300_001)
    sid, _ = await log.next("disconnect")
    assert sid == client.sid
    await client.next("disconnect")
    assert log.all("big") == []
    assert await bystander.call("small", 1) == [1]


@every_client
@every_transport
async def test_the_server_sends_more_than_a_client_may(
    node: Node, hosting: Hosting, kind: str, transport: Transport
) -> None:
    # The limit is on what the server receives.
    sio = make_server(max_http_buffer_size=10_000)
    recorded(sio)
    host = await hosting.server(sio)
    client = await node.connect(host.url, kind, transport)
    await sio.emit("big", ["x" * 500_000, b"y" * 500_000], to=client.sid)
    assert await client.next("big") == [["x" * 500_000, b"y" * 500_000]]


@every_client
@every_transport
async def test_acknowledgements_both_ways(
    node: Node, hosting: Hosting, kind: str, transport: Transport
) -> None:
    sio = make_server()

    async def answer(sid: str, number: int) -> Any:
        return {0: None, 1: "one", 2: ("a", "tuple"), 3: ["a", "list"], 4: (), 5: b"bytes"}[number]

    sio.on("answer", answer)
    log = recorded(sio)
    host = await hosting.server(sio)
    client = await node.connect(host.url, kind, transport)
    answers = await asyncio.gather(*(client.call("answer", number) for number in range(6)))
    assert answers == [[], ["one"], ["a", "tuple"], [["a", "list"]], [], [b"bytes"]]

    assert await sio.call("echo", ("x", {"y": 1}), to=client.sid) == ("x", {"y": 1})
    await client.answer("none")
    assert await sio.call("none", to=client.sid) is None
    await client.answer("one", {"single": [b"\x00\xff", 1]})
    assert await sio.call("one", to=client.sid) == {"single": [b"\x00\xff", 1]}

    async def called_back(*args: Any) -> None:
        log.add("called back", *args)

    await sio.emit("echo", ("in", "callback"), to=client.sid, callback=called_back)
    assert await log.next("called back") == ["in", "callback"]


@every_client
async def test_a_call_that_is_not_answered_times_out(node: Node, hosting: Hosting, kind: str) -> None:
    sio = make_server()
    recorded(sio, "still here")
    host = await hosting.server(sio)
    client = await node.connect(host.url, kind)
    await client.never_answer("silence")
    with pytest.raises(AckTimeout):
        await sio.call("silence", to=client.sid, timeout=0.05)
    assert await client.call("still here", 1) == [1]


@every_transport
async def test_emit_with_ack_and_its_timeout(node: Node, hosting: Hosting, transport: Transport) -> None:
    sio = make_server()
    recorded(sio, "quick")
    released = asyncio.Event()

    async def slow(sid: str) -> str:
        await released.wait()
        return "late"

    sio.on("slow", slow)
    host = await hosting.server(sio)
    client = await node.connect(host.url, "4", transport)
    assert await client.emit_with_ack("quick", {"a": 1}, timeout_ms=5000) == {"a": 1}
    with pytest.raises(RuntimeError, match="operation has timed out"):
        await client.emit_with_ack("slow", timeout_ms=100)
    released.set()  # an answer after its time is no fault
    assert await client.emit_with_ack("quick", 2, timeout_ms=5000) == 2


@every_client
@every_transport
async def test_binary_at_any_depth_both_ways(
    node: Node, hosting: Hosting, kind: str, transport: Transport
) -> None:
    sio = make_server()
    log = recorded(sio, "binary", "plain")
    host = await hosting.server(sio)
    client = await node.connect(host.url, kind, transport)
    deep: Any = b"deepest"
    for level in range(20):
        deep = {"level": level, "next": deep} if level % 2 else [level, deep]
    every_byte = bytes(range(256))
    values = [
        b"",
        every_byte,
        [b"a", "text", b"b", None, {"c": b"c", "d": [b"d1", {"e": b"d2"}]}],
        deep,
        "😀",
        {"_placeholder": False, "num": 7},
    ]
    assert await client.call("binary", *values) == values
    assert await log.next("binary") == [client.sid, *values]
    assert await sio.call("from server", tuple(values), to=client.sid) == tuple(values)
    assert await client.next("from server") == values
    assert await client.call("plain", "text after binary") == ["text after binary"]


@every_client
@every_transport
async def test_many_attachments_in_order(
    node: Node, hosting: Hosting, kind: str, transport: Transport
) -> None:
    # Ten are the most that a packet may have, for the newest client too.
    sio = make_server()
    log = recorded(sio, "many")
    host = await hosting.server(sio)
    client = await node.connect(host.url, kind, transport)
    many = [number.to_bytes(2, "big") * number * 40 for number in range(10)]
    assert await client.call("many", many) == [many]
    assert await log.next("many") == [client.sid, many]
    # Several binary events at once do not mix their attachments.
    answers = await asyncio.gather(*(client.call("many", [bytes([i]) * 3, i, b"x"]) for i in range(30)))
    assert answers == [[[bytes([i]) * 3, i, b"x"]] for i in range(30)]


@pytest.mark.parametrize("kind", ["4.0", "3.1"])
async def test_more_attachments_by_agreement(node: Node, hosting: Hosting, kind: str) -> None:
    sio = make_server(max_attachments=500)
    recorded(sio, "many")
    host = await hosting.server(sio)
    client = await node.connect(host.url, kind)
    many = [number.to_bytes(2, "big") * (number % 40) for number in range(500)]
    assert await client.call("many", many) == [many]


@every_transport
async def test_too_many_attachments_disconnect_the_client(
    node: Node, hosting: Hosting, transport: Transport
) -> None:
    sio = make_server()
    log = recorded(sio, "many")
    host = await hosting.server(sio)
    client = await node.connect(host.url, "4", transport)
    await client.emit("many", [b"attachment"] * 11)
    assert await log.next("disconnect") == [client.sid, "parse error"]
    await client.next("disconnect")
    assert log.all("many") == []


@every_client
@every_transport
async def test_a_large_attachment(node: Node, hosting: Hosting, kind: str, transport: Transport) -> None:
    sio = make_server(max_http_buffer_size=1_000_000)
    recorded(sio, "large")
    host = await hosting.server(sio)
    client = await node.connect(host.url, kind, transport)
    large = bytes(range(256)) * 2700  # 691,200 bytes: 921,600 in base64
    assert await client.call("large", large) == [large]


@every_client
async def test_bytes_likes_travel_as_binary(node: Node, hosting: Hosting, kind: str) -> None:
    sio = make_server()
    recorded(sio)
    host = await hosting.server(sio)
    client = await node.connect(host.url, kind)
    await sio.emit("likes", [bytearray(b"array"), {"plain": b"bytes"}], to=client.sid)
    assert await client.next("likes") == [[b"array", {"plain": b"bytes"}]]


@every_transport
async def test_a_handler_that_raises_leaves_the_client_connected(
    node: Node, hosting: Hosting, transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    sio = make_server()
    recorded(sio, "fine")

    async def broken(sid: str, *args: Any) -> None:
        raise ValueError("a bug in the application")

    sio.on("broken", broken)
    host = await hosting.server(sio)
    client = await node.connect(host.url, "4", transport)
    await client.emit("broken", 1)
    await client.emit("broken")
    assert await client.call("fine", 1) == [1]


@every_client
async def test_handlers_of_one_client_start_in_order(node: Node, hosting: Hosting, kind: str) -> None:
    sio = make_server()
    started: list[int] = []

    async def numbered(sid: str, number: int) -> int:
        started.append(number)
        await asyncio.sleep(0)
        return number

    sio.on("numbered", numbered)
    host = await hosting.server(sio)
    client = await node.connect(host.url, kind)
    answers = await asyncio.gather(*(client.call("numbered", number) for number in range(200)))
    assert [number for (number,) in answers] == list(range(200))
    assert started == list(range(200))
