"""A Socket.IO server over sessions that exist in memory only."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from rtserver.clock import Clock
from rtserver.cluster.memory import MemoryManager
from rtserver.engineio.handler import EngineHandler, Handshake, PacketHandler
from rtserver.server.server import SocketIOServer
from rtserver.server.settings import Settings
from rtserver.socketio.codec import Codec
from rtserver.socketio.json_codec import JsonCodec
from rtserver.testing.session import MemorySession

HEADERS = [(b"Host", b"chat.example"), (b"User-Agent", b"tests"), (b"Cookie", b"a=1")]
SID = "engine-sid"
TARGET = "/socket.io/?EIO=4&transport=websocket"


class FakeSession(MemorySession):
    """An Engine.IO session: takes messages as a client would send them, and keeps what is sent to it.

    What comes in whole frames of a WebSocket goes the way of `PacketHandler`.
    """

    in_frames = True

    writable = True  # a test says whether it is
    congested = False

    def __init__(self, handler: EngineHandler, handshake: Handshake | None = None, protocol: int = 4) -> None:
        self.closed_for: str | None = None
        self.sent: list[str | bytes] = []
        """Text packets with the Engine.IO type character, and attachments."""
        self.on_send: Callable[[], None] | None = None
        self.on_close: Callable[[], None] | None = None
        handshake = handshake or Handshake("GET", TARGET, HEADERS, remote=("203.0.113.7", 4711))
        super().__init__(handler, handshake, self._arrived, self._closed, sid=SID, protocol=protocol)

    def _arrived(self, message: str | bytes) -> None:
        self.sent.append(f"4{message}" if isinstance(message, str) else message)
        if self.on_send is not None:
            self.on_send()

    def _closed(self, reason: str) -> None:
        self.closed_for = reason
        if self.on_close is not None:
            self.on_close()

    # What a test does as the client.

    def receive(self, *messages: str | bytes) -> None:
        """Send messages, without the Engine.IO type character."""
        for message in messages:
            self._receive(message)

    def _receive(self, message: str | bytes) -> None:
        if self.in_frames and self.is_open and self.reading and isinstance(message, str):
            assert isinstance(self.handler, PacketHandler)
            packet = self.handler.decode(b"4" + message.encode())
            if isinstance(packet, tuple):
                self.handler.packet(self, packet)
                return
            assert packet == "4" + message
        super().receive(message)

    def join(self, namespace: str = "/", auth: str = "") -> str:
        """Connect to a namespace that accepts at once. Returns the sid."""
        path = "" if namespace == "/" else f"{namespace},"
        self.receive(f"0{path}{auth}")
        answer = self.sent.pop()
        assert isinstance(answer, str)
        head = f'40{path}{{"sid":"'
        assert answer.startswith(head)
        return answer.removeprefix(head).removesuffix('"}')

    def take(self) -> list[str | bytes]:
        """Return what was sent since the last call."""
        sent, self.sent = self.sent, []
        return sent


class Harness:
    """A server with settings of a test's own."""

    def __init__(
        self, codec: Codec | None = None, manager: Any = None, clock: Clock | None = None, **settings: Any
    ) -> None:
        self.sio = SocketIOServer(
            manager or MemoryManager(),
            codec or JsonCodec(),
            Settings(**settings),
            logging.getLogger("rtserver.server"),
            None if clock is None else lambda: clock,
        )

    def session(self, handshake: Handshake | None = None, protocol: int = 4) -> FakeSession:
        return FakeSession(self.sio._dispatch, handshake, protocol)


async def turns(count: int = 5) -> None:
    """Let the loop turn: what can happen without waiting for time has happened then."""
    for _ in range(count):
        await asyncio.sleep(0)


class ManualLoop:
    """A clock's loop whose time a test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[tuple[float, Callable[[], object]]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], object], /) -> ManualLoop:
        self.calls.append((when, callback))
        return self

    def cancel(self) -> None:
        raise NotImplementedError

    def advance(self, seconds: float) -> None:
        """Let this much time pass, and call what is due."""
        end = self.now + seconds
        while self.calls and min(when for when, _ in self.calls) <= end:
            call = min(self.calls, key=lambda each: each[0])
            self.calls.remove(call)
            self.now = max(self.now, call[0])
            call[1]()
        self.now = end


def manual_clock() -> tuple[ManualLoop, Clock]:
    loop = ManualLoop()
    return loop, Clock(loop)
