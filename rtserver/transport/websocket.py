"""A WebSocket on a transport of asyncio's: bytes to the core, the core's frames and ours to the socket.

What is common to an Engine.IO session's WebSocket and to a plain endpoint's: collecting frames for one
write per turn, counting bytes while the transport pushes back, and the close handshake with its time-out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, cast

from rtserver.clock import Clock, Timer
from rtserver.transport.reading_turns import TURN, ReadingTurns
from rtserver.transport.turn import WriteTurn
from rtserver.websocket.frames import MAX_REASON
from rtserver.websocket.protocol import Connection, State

__all__ = ["WebSocketHost", "WebSocketProtocol", "switch_head", "wait_closed"]

FRAMES_PER_TURN = 64
"""More frames than this are written without waiting for the end of the turn, so that they are counted."""
LARGE_FRAME = 16 * 1024
"""Bytes of a frame that isn't kept waiting either."""
WRITE_SIZE = 256 * 1024
"""At most so many bytes are joined for one write when a backlog leaves."""

OPEN = State.OPEN
CLOSED = State.CLOSED


class WebSocketHost(Protocol):
    """What all WebSockets of a server share."""

    clock: Clock
    turn: WriteTurn
    max_buffer_size: int
    close_timeout: float


class WebSocketProtocol(asyncio.Protocol):
    """The shell around one `Connection`.

    Args:
        host: What all WebSockets of the server share.
        core: The protocol's state.
    """

    __slots__ = (
        "_gone",
        "_reading",
        "_timer",
        "backlog",
        "core",
        "host",
        "pending",
        "transport",
        "turn",
        "write_paused",
    )

    turn_size: int = TURN
    """Bytes that are processed before others have their turn."""

    def __init__(self, host: WebSocketHost, core: Connection) -> None:
        self.host = host
        self.core = core
        self.turn = host.turn
        self.transport: asyncio.Transport | None = None
        self.pending: bytes | list[bytes] | None = None
        """Frames to write; None when there are none and no flush is under way."""
        self.backlog = 0
        """Bytes of `pending`, counted only while the transport pushes back."""
        self.write_paused = False
        self._reading: ReadingTurns | None = None
        """Once much has come at once."""
        self._timer: Timer | None = None
        self._gone: asyncio.Future[None] | None = None

    # Outgoing.

    def send_frame(self, frame: bytes) -> None:
        """Write a frame with the others of this turn."""
        pending = self.pending
        if pending is None:
            self.pending = frame
            turn = self.turn
            if not turn.dirty:
                turn.wake()
            turn.dirty.append(self)
        elif pending.__class__ is list:
            pending.append(frame)
            if self.write_paused:
                self.backlog += len(frame)
                if self.backlog > self.host.max_buffer_size:
                    self.overflowed()
            elif len(pending) > FRAMES_PER_TURN or len(frame) > LARGE_FRAME:
                self.flush()
        else:
            self.pending = [cast(bytes, pending), frame]

    def flush(self) -> None:
        """Write what is pending, unless the transport pushes back."""
        pending = self.pending
        if not pending or self.write_paused or self.transport is None:
            return
        self.pending = None
        if isinstance(pending, list):
            self.transport.write(pending[0] if len(pending) == 1 else b"".join(pending))
        else:
            self.transport.write(pending)

    def pause_writing(self) -> None:
        """Count from here on: the transport's buffer is above its high-water mark."""
        self.write_paused = True
        pending = self.pending
        frames = pending if isinstance(pending, list) else [] if pending is None else [pending]
        self.pending = frames
        self.backlog = sum(map(len, frames))
        if self.buffered > self.host.max_buffer_size:
            self.overflowed()

    def resume_writing(self) -> None:
        """Write the backlog in pieces, until the transport pushes back again."""
        self.write_paused = False
        frames = self.pending
        self.backlog = 0
        self.pending = None
        if isinstance(frames, list):
            self._write_backlog(frames)
        if not self.write_paused:
            if self.core.state is CLOSED:
                self.shut_down()
            self.drained()

    def _write_backlog(self, frames: list[bytes]) -> None:
        start = 0
        while start < len(frames) and self.transport is not None:
            if self.write_paused:
                self.pending = frames[start:]
                self.backlog = sum(map(len, self.pending))
                return
            end, size = start, 0
            while end < len(frames) and size < WRITE_SIZE:
                size += len(frames[end])
                end += 1
            self.transport.write(b"".join(frames[start:end]))
            start = end

    @property
    def buffered(self) -> int:
        """Bytes that the kernel hasn't taken."""
        pending = self.pending
        size = self.backlog
        if not self.write_paused and pending is not None:
            size = sum(map(len, pending)) if isinstance(pending, list) else len(pending)
        return size + (self.transport.get_write_buffer_size() if self.transport is not None else 0)

    @property
    def writable(self) -> bool:
        """True when a frame sent now would leave at once: the kernel has taken all that was sent before."""
        transport = self.transport
        return not self.pending and transport is not None and not transport.get_write_buffer_size()

    @property
    def congested(self) -> bool:
        """True while the transport's buffer is above its high-water mark."""
        return self.write_paused

    def overflowed(self) -> None:
        """The client doesn't read: more than `max_buffer_size` bytes wait for it."""
        raise NotImplementedError

    def drained(self) -> None:
        """The backlog has left."""

    # The connection.

    def begin(self, transport: asyncio.Transport, writing_paused: bool) -> None:
        """Start on a connection whose protocol this is now; what is pending goes with the next flush."""
        self.transport = transport
        if writing_paused:
            self.pause_writing()

    def in_turns(self, data: bytes) -> bytes:
        """Return the first `turn_size` bytes; the rest is received when others have had their turn."""
        if self._reading is None:
            assert self.transport is not None
            self._reading = ReadingTurns(self.transport, self.data_received)
        return self._reading.take(data, self.turn_size)

    def pause_reading(self) -> None:
        """Take nothing more from the client."""
        if self.transport is not None:
            (self._reading or self.transport).pause_reading()

    def resume_reading(self) -> None:
        """Take from the client again."""
        if self.transport is not None and not self.transport.is_closing():
            (self._reading or self.transport).resume_reading()

    def service(self) -> None:
        """Write what the core wants written, and act on its state. Call when a chunk has been received."""
        core = self.core
        if core.output:
            self.send_frame(core.take_output())
        if core.state is CLOSED:
            self.shut_down()

    def start_closing(self, code: int, reason: str) -> None:
        """Send what is pending and a close frame, and wait for the client's (RFC 6455, 7.1.2)."""
        core = self.core
        if core.state is OPEN:
            core.close(code, _shorten(reason))
            self.send_frame(core.take_output())
            self.call_later(self.host.close_timeout, self.drop)
            self.resume_reading()  # its close frame stands behind what nobody had time for

    def shut_down(self) -> None:
        """End TCP once what is pending has been written, which the client has some time to read."""
        transport = self.transport
        if transport is None:
            return
        self.flush()
        if self.pending is None:
            transport.close()
            if not transport.get_write_buffer_size():
                self.cancel_call()
                return
        else:
            self.pause_reading()  # nothing that comes now may put the end off
        self.call_later(self.host.close_timeout, self.drop)

    def drop(self) -> None:
        """End TCP now, and forget what is pending."""
        self.pending = None
        self.backlog = 0
        if self.transport is not None:
            self.transport.abort()

    def call_later(self, seconds: float, callback: Callable[[], object]) -> None:
        """Call `callback`, instead of what was set before."""
        if self._timer is None:
            self._timer = Timer(self.host.clock, callback)
        else:
            self._timer.callback = callback
        self._timer.set(seconds)

    def cancel_call(self) -> None:
        """Forget what `call_later` was given."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def connection_lost(self, exc: BaseException | None) -> None:
        """Let go of everything. Called once, whoever ended the connection."""
        self.core.receive_eof()
        self.transport = self._reading = None
        self.pending = None
        self.backlog = 0
        self.cancel_call()
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)

    def gone(self) -> asyncio.Future[None]:
        """Return a future that is done when the connection is."""
        if self._gone is None:
            self._gone = asyncio.get_running_loop().create_future()
            if self.transport is None:
                self._gone.set_result(None)
        return self._gone


def _shorten(reason: str) -> str:
    return reason.encode(errors="replace")[:MAX_REASON].decode(errors="ignore")


def switch_head(headers: Iterable[tuple[str, str]]) -> bytes:
    """Return the response to an opening handshake (RFC 6455, 4.2.2)."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    return f"HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n".encode("latin-1")


async def wait_closed(websockets: Sequence[WebSocketProtocol], patience: float) -> None:
    """Wait until closing connections have gone; drop those that take longer than `patience` seconds."""
    gone = [websocket.gone() for websocket in websockets if websocket.transport is not None]
    if gone:
        await asyncio.wait(gone, timeout=patience)
    for websocket in websockets:
        websocket.drop()
