"""Who may send how much, asked by everything that carries a client's packets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from rtserver.engineio.handler import Session
from rtserver.host import Server
from rtserver.server.event_limits import EventLimiter, EventLimits
from rtserver.transport.limited import LimitedConnection
from tests.support.engine import RawClient, listening

BURST = 4
"""Packets at once: the CONNECT, and three events."""
LIMITED = {"code": "rate_limited", "message": "rate limit exceeded", "retry_after": 0.25}
ANSWERS = [[1], [2], [3], [LIMITED], [LIMITED]]
"""What the acknowledgments of five events say."""
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
PLAIN = "Sec-WebSocket-Protocol: rtserver.json\r\n"


@asynccontextmanager
async def serve(limits: EventLimits) -> AsyncIterator[tuple[EventLimiter, int]]:
    sio = Server(allow_eio3=True)
    sio.on("echo", lambda sid, value: value)
    sio.eio.limiter = limiter = EventLimiter(sio.codec, limits, lambda: sio.eio.clock)
    app = web.Application()
    sio.attach(app, websocket_path="ws")
    async with listening(app) as (_, port):
        yield limiter, port


async def over_websocket(port: int, headers: str = "", version: int = 4) -> list[Any]:
    client = RawClient(*await asyncio.open_connection("127.0.0.1", port))
    await client.upgrade(f"/socket.io/?EIO={version}&transport=websocket", headers)
    await client.frame()
    if version == 4:
        client.send("40")
    await client.frame()
    client.send(*[f'42{number}["echo",{number}]' for number in range(1, 6)])
    answers = sorted([(await client.packet())[2:] for _ in range(5)])
    return [json.loads(answer[1:]) for answer in answers]


async def over_compressed_websocket(port: int) -> list[Any]:
    return await over_websocket(port, DEFLATE)


async def over_websocket_of_version_3(port: int) -> list[Any]:
    return await over_websocket(port, version=3)


async def over_polling(port: int) -> list[Any]:
    client = RawClient(*await asyncio.open_connection("127.0.0.1", port))
    opened = await client.get("/socket.io/?EIO=4&transport=polling")
    path = f"/socket.io/?EIO=4&transport=polling&sid={json.loads(opened.body[1:])['sid']}"
    await client.post(path, b"40")
    await client.get(path)
    events = [f'42{number}["echo",{number}]'.encode() for number in range(1, 6)]
    await client.post(path, b"\x1e".join(events))
    answers: list[str] = []
    while len(answers) < len(events):
        answers += (await client.get(path)).body.decode().split("\x1e")
    return [json.loads(answer[3:]) for answer in sorted(answers)]


async def over_a_plain_websocket(port: int) -> list[Any]:
    client = RawClient(*await asyncio.open_connection("127.0.0.1", port))
    await client.upgrade("/ws", PLAIN)
    client.send('{"type":"connect"}')
    await client.frame()
    client.send(*[f'{{"type":"event","event":"echo","id":{id_},"data":[{id_}]}}' for id_ in range(1, 6)])
    answers = [json.loads(await client.packet()) for _ in range(5)]
    return [answer["data"] for answer in sorted(answers, key=lambda answer: answer["id"])]


@pytest.mark.parametrize(
    "way",
    [
        over_websocket,
        over_compressed_websocket,
        over_websocket_of_version_3,
        over_polling,
        over_a_plain_websocket,
    ],
)
async def test_whatever_carries_the_packets(way: Callable[[int], Awaitable[list[Any]]]) -> None:
    limits = EventLimits(events_per_second=0.001, events_burst=BURST - (way is over_websocket_of_version_3))
    async with serve(limits) as (limiter, port):
        assert await way(port) == ANSWERS
        assert limiter.dropped == 2
    assert limiter.buckets == {}


async def test_bytes_of_a_plain_client() -> None:
    async with serve(EventLimits(bytes_per_second=0.001, bytes_burst=100)) as (_, port):
        client = RawClient(*await asyncio.open_connection("127.0.0.1", port))
        await client.upgrade("/ws", PLAIN)
        client.send('{"type":"connect"}')
        await client.frame()
        answers = []
        for _ in range(3):  # the first leaves less than the second needs, which overdraws
            client.send(f'{{"type":"event","event":"echo","id":1,"data":["{"x" * 100}"]}}')
            answers.append(json.loads(await client.packet())["data"])
        assert answers == [["x" * 100], ["x" * 100], [LIMITED]]


class Scripted:
    """Admits what a test says, and keeps what it is asked."""

    def __init__(self) -> None:
        self.now = 0.0
        self.buckets: dict[Session, Any] = {}
        self.asked: list[tuple[list[Any], int]] = []
        self.admitted: list[Any] = []

    def admit(self, session: Session, packets: list[Any], size: int, /) -> list[Any]:
        self.asked.append((packets, size))
        return self.admitted

    def forget(self, session: Session, /) -> None:
        raise NotImplementedError


class Bucket:
    def __init__(self, filled: float, events: float, size: float) -> None:
        self.filled, self.events, self.bytes = filled, events, size


FRAME = b"\x81\x82\0\0\0\x0042"


def connection(limiter: Scripted, session: Any, decode: Callable[[bytes], Any]) -> LimitedConnection:
    return LimitedConnection(1000, None, decode, session, limiter)


def decoded(payload: bytes) -> tuple[str]:
    return (payload.decode(),)


def test_a_client_within_its_limits_is_charged_without_a_question() -> None:
    limiter, session = Scripted(), object()
    bucket = limiter.buckets[session] = Bucket(limiter.now, 5, 20)  # type: ignore[index]
    core = connection(limiter, session, decoded)
    core.receive(FRAME)
    assert limiter.asked == [([("42",)], 8)]  # the first question tells where the bucket is
    assert core.receive(FRAME * 2) == [("42",), ("42",)]
    assert (bucket.events, bucket.bytes, len(limiter.asked)) == (3, 4, 1)


@pytest.mark.parametrize(
    ("bucket", "decode", "data"),
    [
        (Bucket(0.0, 1, 20), decoded, FRAME * 2),
        (Bucket(0.0, 5, 0), decoded, FRAME),
        (Bucket(-1.0, 5, 20), decoded, FRAME),
        (Bucket(0.0, 5, 20), bytes.decode, FRAME),
        (Bucket(0.0, 5, 20), decoded, FRAME[:3]),
    ],
    ids=["packets", "bytes", "to be filled", "not decoded", "not complete"],
)
def test_all_else_is_asked(bucket: Bucket, decode: Callable[[bytes], Any], data: bytes) -> None:
    limiter, session = Scripted(), object()
    limiter.buckets[session] = bucket  # type: ignore[index]
    core = connection(limiter, session, decode)
    core.receive(FRAME)
    limiter.asked.clear()
    limiter.admitted = ["what may pass"]
    assert core.receive(data) == ["what may pass"]
    assert [size for _, size in limiter.asked] == [len(data)]
