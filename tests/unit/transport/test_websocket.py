"""The shell around a WebSocket's core, on a transport that does what the test says."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from rtserver.clock import RESOLUTION, Clock
from rtserver.transport.turn import WriteTurn
from rtserver.transport.websocket import (
    FRAMES_PER_TURN,
    LARGE_FRAME,
    WRITE_SIZE,
    WebSocketProtocol,
    switch_head,
    wait_closed,
)
from rtserver.websocket.protocol import Connection
from tests.support.engine import frame

HIGH_WATER = 64 * 1024


class FakeTransport:
    """Takes `room` bytes, and pushes back when more than its high-water mark is left over."""

    def __init__(self) -> None:
        self.room = 10**9
        self.written: list[bytes] = []
        self.size = 0
        self.protocol: WebSocketProtocol | None = None
        self.is_paused = False
        self.is_reading = True
        self.closed = ""

    def write(self, data: bytes) -> None:
        assert data
        self.written.append(data)
        taken = min(self.room, len(data))
        self.room -= taken
        self.size += len(data) - taken
        if self.size > HIGH_WATER and not self.is_paused:
            self.is_paused = True
            assert self.protocol is not None
            self.protocol.pause_writing()

    def read_all(self) -> None:
        """Let the client read what is there."""
        self.size = 0
        self.is_paused = False
        assert self.protocol is not None
        self.protocol.resume_writing()

    def get_write_buffer_size(self) -> int:
        return self.size

    def pause_reading(self) -> None:
        self.is_reading = False

    def resume_reading(self) -> None:
        self.is_reading = True

    def is_closing(self) -> bool:
        return self.closed != ""

    def close(self) -> None:
        self.closed = self.closed or "closed"

    def abort(self) -> None:
        self.closed = "aborted"


class Host:
    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.clock = Clock(loop)
        self.turn = WriteTurn(loop)
        self.max_buffer_size = 1_000_000
        self.close_timeout = 0.05


class Shell(WebSocketProtocol):
    drains = 0
    overflows = 0

    def overflowed(self) -> None:
        self.overflows += 1
        self.drop()

    def drained(self) -> None:
        self.drains += 1

    def data_received(self, data: bytes) -> None:
        self.core.receive(data)
        self.service()
        self.flush()


@pytest.fixture
async def transport() -> FakeTransport:
    return FakeTransport()


@pytest.fixture
async def shell(transport: FakeTransport) -> Shell:
    shell = Shell(Host(), Connection(1000))
    transport.protocol = shell
    shell.begin(cast(asyncio.Transport, transport), False)
    return shell


async def turn() -> None:
    await asyncio.sleep(0)
    await asyncio.sleep(0)


class TestWriting:
    async def test_one_write_per_turn(self, shell: Shell, transport: FakeTransport) -> None:
        shell.send_frame(b"a")
        shell.send_frame(b"b")
        shell.send_frame(b"c")
        assert transport.written == []
        assert shell.buffered == 3
        await turn()
        assert transport.written == [b"abc"]
        assert shell.buffered == 0

    async def test_many_frames_do_not_wait_for_the_turn(self, shell: Shell, transport: FakeTransport) -> None:
        for _ in range(FRAMES_PER_TURN * 3):
            shell.send_frame(b"x")
        assert len(transport.written) >= 2
        await turn()
        assert b"".join(transport.written) == b"x" * FRAMES_PER_TURN * 3

    async def test_large_frames_do_not_either(self, shell: Shell, transport: FakeTransport) -> None:
        frames = [bytes((number,)) * (LARGE_FRAME + 1) for number in range(5)]
        for each in frames:
            shell.send_frame(each)
        assert len(b"".join(transport.written)) >= 3 * LARGE_FRAME
        await turn()
        assert b"".join(transport.written) == b"".join(frames)


class TestWritable:
    """What a volatile event asks: would a frame leave at once?"""

    async def test_until_the_turn_has_ended(self, shell: Shell) -> None:
        assert shell.writable
        shell.send_frame(b"x")
        assert not shell.writable
        await turn()
        assert shell.writable

    async def test_while_the_kernel_does_not_take_all(self, shell: Shell, transport: FakeTransport) -> None:
        transport.room = 1
        shell.send_frame(b"xyz")
        await turn()
        assert not shell.writable
        assert not shell.congested
        transport.size = 0
        assert shell.writable

    async def test_while_packets_are_collected(self, shell: Shell) -> None:
        shell.pending = []
        assert shell.writable
        shell.send_frame(b"x")
        assert not shell.writable

    async def test_without_a_connection(self, shell: Shell) -> None:
        shell.connection_lost(None)
        assert not shell.writable


class TestBackPressure:
    async def push_back(self, shell: Shell, transport: FakeTransport) -> None:
        transport.room = 0
        shell.send_frame(b"x" * (HIGH_WATER + 1))
        await turn()
        assert shell.congested
        assert not shell.writable

    async def test_frames_wait(self, shell: Shell, transport: FakeTransport) -> None:
        await self.push_back(shell, transport)
        shell.send_frame(b"one")
        shell.send_frame(b"two")
        await turn()
        assert len(transport.written) == 1
        assert shell.buffered == HIGH_WATER + 1 + 6
        transport.room = 10**9
        transport.read_all()
        assert transport.written[1:] == [b"onetwo"]
        assert (shell.drains, shell.buffered, shell.writable, shell.congested) == (1, 0, True, False)

    async def test_a_backlog_leaves_in_pieces(self, shell: Shell, transport: FakeTransport) -> None:
        await self.push_back(shell, transport)
        frames = [bytes((number,)) * 100_000 for number in range(9)]
        for each in frames:
            shell.send_frame(each)
        transport.room = WRITE_SIZE
        transport.read_all()
        assert shell.write_paused
        assert shell.drains == 0
        assert 0 < shell.backlog < 900_000
        while shell.write_paused:
            transport.room = WRITE_SIZE * 2
            transport.read_all()
        assert b"".join(transport.written[1:]) == b"".join(frames)
        assert max(map(len, transport.written[1:])) < WRITE_SIZE + 100_000
        assert (shell.drains, shell.backlog) == (1, 0)

    async def test_too_much(self, shell: Shell, transport: FakeTransport) -> None:
        await self.push_back(shell, transport)
        while not shell.overflows:
            shell.send_frame(b"x" * 10_000)
        assert transport.closed == "aborted"
        assert shell.pending is None
        assert shell.backlog == 0

    async def test_too_much_at_once(self, shell: Shell, transport: FakeTransport) -> None:
        transport.room = 0
        shell.send_frame(b"x" * 1_000_001)
        await turn()
        assert shell.overflows == 1

    async def test_a_connection_that_is_taken_over_while_pushing_back(self, transport: FakeTransport) -> None:
        shell = Shell(Host(), Connection(1000))
        transport.protocol = shell
        shell.begin(cast(asyncio.Transport, transport), True)
        shell.send_frame(b"x")
        await turn()
        assert transport.written == []
        transport.read_all()
        assert transport.written == [b"x"]


class TestClosing:
    async def fail_unread(self, shell: Shell, transport: FakeTransport) -> None:
        """Break the protocol as a client that reads nothing of what it is sent."""
        transport.room = 0
        shell.send_frame(b"x" * (HIGH_WATER + 1))
        await turn()
        shell.data_received(frame(1, b"\xff"))

    async def test_both_ways(self, shell: Shell, transport: FakeTransport) -> None:
        shell.send_frame(b"last")
        shell.start_closing(1000, "bye")
        await turn()
        assert transport.written == [b"last\x88\x05\x03\xe8bye"]
        assert transport.closed == ""
        shell.data_received(frame(8, b"\x03\xe8"))
        assert transport.closed == "closed"

    async def test_a_long_reason_is_cut(self, shell: Shell, transport: FakeTransport) -> None:
        shell.start_closing(1000, "ä" * 100)
        await turn()
        assert transport.written == [b"\x88\x7c\x03\xe8" + "ä".encode() * 61]

    async def test_no_answer(self, shell: Shell, transport: FakeTransport) -> None:
        shell.start_closing(1000, "")
        await asyncio.sleep(0.05 + 3 * RESOLUTION)
        assert transport.closed == "aborted"

    async def test_the_client_begins(self, shell: Shell, transport: FakeTransport) -> None:
        shell.data_received(frame(8, b"\x03\xe9"))
        assert transport.written == [b"\x88\x02\x03\xe9"]
        assert transport.closed == "closed"

    async def test_the_client_does_not_read_its_good_bye(
        self, shell: Shell, transport: FakeTransport
    ) -> None:
        await self.fail_unread(shell, transport)
        assert transport.closed == ""
        await asyncio.sleep(0.05 + 3 * RESOLUTION)
        assert transport.closed == "aborted"

    async def test_the_client_reads_its_good_bye_late(self, shell: Shell, transport: FakeTransport) -> None:
        await self.fail_unread(shell, transport)
        transport.room = 10**9
        transport.read_all()
        assert transport.written[-1][:4] == b"\x88" + transport.written[-1][1:2] + b"\x03\xef"
        assert transport.closed == "closed"

    async def test_a_client_that_goes_on_sending_does_not_put_its_end_off(
        self, shell: Shell, transport: FakeTransport
    ) -> None:
        await self.fail_unread(shell, transport)
        assert not transport.is_reading
        assert transport.closed == ""

    async def test_the_close_frame_of_a_client_that_was_not_read_from(
        self, shell: Shell, transport: FakeTransport
    ) -> None:
        shell.pause_reading()
        shell.start_closing(1000, "")
        assert transport.is_reading

    async def test_a_reason_that_is_no_text(self, shell: Shell, transport: FakeTransport) -> None:
        shell.start_closing(1002, "half a \ud83d")
        await turn()
        assert transport.written == [b"\x88\x0a\x03\xeahalf a ?"]

    async def test_a_connection_that_is_lost(self, shell: Shell) -> None:
        shell.send_frame(b"x")
        shell.call_later(0.01, pytest.fail)
        gone = shell.gone()
        shell.connection_lost(None)
        assert gone.done()
        assert shell.gone().done()
        assert (shell.transport, shell.pending, shell.buffered) == (None, None, 0)
        assert shell.core.close_code == 1006
        shell.shut_down()
        shell.pause_reading()
        shell.resume_reading()
        await asyncio.sleep(3 * RESOLUTION)

    async def test_waiting_for_many(self, transport: FakeTransport) -> None:
        host = Host()
        shells = []
        for _ in range(2):
            each: Any = FakeTransport()
            shell = Shell(host, Connection(1000))
            shell.begin(each, False)
            shells.append((shell, each))
        async with asyncio.TaskGroup() as group:
            group.create_task(wait_closed([shell for shell, _ in shells], 0.05))
            await turn()
            shells[0][0].connection_lost(None)
        assert shells[0][1].closed == ""
        assert shells[1][1].closed == "aborted"


def test_the_response_of_a_handshake() -> None:
    assert switch_head([("Upgrade", "websocket"), ("X", "é")]) == (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nX: \xe9\r\n\r\n"
    )
