from __future__ import annotations

import asyncio
import logging
import socket

import pytest

from rtserver.service.workers.control import (
    Alive,
    Begin,
    Channel,
    Drain,
    Failed,
    Leave,
    Measure,
    Measured,
    Message,
    Ready,
    decode,
    encode,
)


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (
            Begin("/d", "k3Zp", {"app": "a:b"}),
            b'{"type":"begin","directory":"/d","name":"k3Zp","config":{"app":"a:b"}}',
        ),
        (
            Drain(2.5, heirs=["k3Zp"]),
            b'{"type":"drain","seconds":2.5,"quick":false,"heirs":["k3Zp"]}',
        ),
        (Ready(), b'{"type":"ready"}'),
        (Alive(7, 9), b'{"type":"alive","connections":7,"taken":9,"troubles":[]}'),
        (
            Alive(7, 9, ["draining"]),
            b'{"type":"alive","connections":7,"taken":9,"troubles":["draining"]}',
        ),
        (Measure(), b'{"type":"measure"}'),
        (Measured([["a", "gauge", "A.", []]]), b'{"type":"measured","families":[["a","gauge","A.",[]]]}'),
        (Leave(), b'{"type":"leave"}'),
        (Failed("no\nway", True), b'{"type":"failed","message":"no\\nway","is_config":true}'),
    ],
)
def test_lines(message: Message, line: bytes) -> None:
    assert encode(message) == line + b"\n"
    assert decode(line) == message


@pytest.mark.parametrize(
    "line", [b"", b"{", b"\xff", b"[]", b"7", b"{}", b'{"type":"run"}', b'{"type":"alive"}', b'{"type":[]}']
)
def test_what_isnt_a_message(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"a control message: received .* expected one of begin, drain"):
        decode(line)


class Ends:
    """Both ends of a channel: one is a plain socket."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[Message] = asyncio.Queue()
        self.lost = asyncio.Event()
        self.channel: Channel
        self.other: socket.socket

    async def open(self) -> None:
        ours, self.other = socket.socketpair()
        self.channel = await Channel.over(ours, self.received.put_nowait, self.lost.set)


@pytest.fixture
async def ends() -> Ends:
    made = Ends()
    await made.open()
    return made


async def test_messages_in_pieces(ends: Ends) -> None:
    line = encode(Alive(1, 2))
    ends.other.send(line[:9])
    await asyncio.sleep(0)
    ends.other.send(line[9:] + encode(Ready()))
    async with asyncio.timeout(5):
        assert await ends.received.get() == Alive(1, 2)
        assert await ends.received.get() == Ready()
    ends.other.close()
    async with asyncio.timeout(5):
        await ends.lost.wait()


async def test_what_is_sent_last_arrives(ends: Ends) -> None:
    ends.channel.send(Drain(1))
    ends.channel.close()
    async with asyncio.timeout(5):
        await ends.lost.wait()
    assert ends.other.recv(1000) == encode(Drain(1))
    ends.other.close()
    ends.channel.send(Drain(1))  # to nobody


async def test_a_wrong_line_ends_it(ends: Ends, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "rtserver.service"):
        ends.other.send(b"hello\n")
        async with asyncio.timeout(5):
            await ends.lost.wait()
    assert "received b'hello'" in caplog.text
    ends.other.close()


async def test_who_doesnt_read_is_noticed(ends: Ends) -> None:
    assert not ends.channel.is_behind
    while not ends.channel.is_behind:
        ends.channel.send(Failed("x" * 100_000))
    ends.other.close()
    async with asyncio.timeout(5):
        await ends.lost.wait()
