"""The connection below all namespaces of a test client: the official client's `Manager`, in memory.

Packets are encoded and decoded by the server's own codec in both directions, so that what can't be
serialized fails in a test as it would in production. What the client sends reaches the server at once;
what the server sends reaches the client in the next turn of the event loop, as when it is written.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

from socketio.exceptions import TimeoutError as OutOfTime

from rtserver.engineio.handler import Handshake
from rtserver.engineio.outgoing import Outgoing
from rtserver.errors import SocketViolation
from rtserver.host import Server
from rtserver.server.client import Client
from rtserver.server.dispatch import Dispatch
from rtserver.server.reasons import Reason, translate
from rtserver.socketio.attachments import Reassembly
from rtserver.socketio.packet import Packet
from rtserver.testing.session import MemorySession, messages

__all__ = ["Connection", "Receiver"]

T = TypeVar("T")


class Receiver(Protocol):
    """One namespace of the client."""

    @property
    def active(self) -> bool:
        """True while it needs the connection."""

    def packet_received(self, packet: Packet, /) -> None:
        """Take a packet of the server."""

    def ended(self, reason: str, /) -> None:
        """Learn that the connection has closed. A no-op where the namespace isn't connected."""


class Connection:
    """A client's side of one session at a time.

    Args:
        server: The server.
        make_handshake: Makes the request that opens a session.
        timeout: Seconds to wait for anything, unless a call says otherwise.

    Raises:
        TypeError: The server isn't one of ours.
    """

    def __init__(self, server: Server, make_handshake: Callable[[], Handshake], timeout: float) -> None:
        if not isinstance(server, Server):
            raise TypeError(f"a test client of {server!r}: expected an rtserver.Server")
        dispatch = server.eio.handler
        assert isinstance(dispatch, Dispatch)
        self.codec = dispatch.codec
        self.timeout = timeout
        self.session: MemorySession | None = None
        self.receivers: dict[str, Receiver] = {}
        self.violation: SocketViolation | None = None
        """What the server sent that its own codec can't decode."""
        self._server = server
        self._dispatch = dispatch
        self._make_handshake = make_handshake
        self._clients: list[Client] = []
        self._partial: Reassembly | None = None
        self._arriving: deque[Callable[[], None]] = deque()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._failures: list[BaseException] = []

    # What a namespace uses.

    @property
    def is_open(self) -> bool:
        """True while there is a session."""
        return self.session is not None and self.session.is_open

    async def open(self) -> None:
        """Open a session, unless one is open."""
        if self.is_open:
            return
        await self._server.start()
        self._partial = self.violation = None
        self.session = MemorySession(
            self._dispatch,
            self._make_handshake(),
            lambda message: self._arrive(lambda: self._message(message)),
            lambda reason: self._arrive(lambda: self._closed(reason)),
            max_buffer_size=self._server.eio.options.max_buffer_size,
        )
        self._clients += filter(None, (self.session.context,))

    def send(self, packet: bytes | Outgoing) -> None:
        """Send what the codec has encoded. The first step of the handlers is done when this returns."""
        assert self.session is not None
        for message in messages(packet):
            self.session.receive(message)

    def release(self) -> None:
        """Close the session if no namespace needs it any more."""
        if not any(receiver.active for receiver in self.receivers.values()):
            self._close()
            self._arriving.clear()  # there is no one to hear of it

    def _close(self) -> None:
        if self.session is not None:
            self.session.close(Reason.TRANSPORT_CLOSE)

    def drop(self) -> None:
        """Lose the session, and what is on its way to the client."""
        if self.is_open:
            self._arriving.clear()
            self._close()
            self._flush()

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a handler of the client's as a task."""
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def failed(self, error: BaseException) -> None:
        """Note what a handler of the client's raised."""
        self._failures.append(error)

    def check(self) -> None:
        """Raise what a handler of the client's has raised, if any has."""
        if self._failures:
            raise self._failures.pop(0)

    async def within(self, limit: float | None, awaited: Awaitable[T], what: Callable[[], str]) -> T:
        """Wait for something.

        Args:
            limit: Seconds; the connection's own if None.
            awaited: What to wait for.
            what: Describes it, for the message of an error.

        Raises:
            socketio.exceptions.TimeoutError: It didn't come in time.
        """
        seconds = self.timeout if limit is None else limit
        try:
            async with asyncio.timeout(seconds):
                return await awaited
        except TimeoutError:
            self.check()
            hint = "; the client has stalled: resume() it" if self.session and self.session.stalled else ""
            raise OutOfTime(f"{what()} (waited {seconds} s{hint})") from None

    async def settle(self) -> None:
        """Wait until nothing is under way: no handler on either side, and no packet."""
        while True:
            running: set[asyncio.Task[Any]] = set(self._tasks)
            for client in self._clients:
                running.update(self._dispatch.running(client))
            running.discard(asyncio.current_task())
            if running:
                await asyncio.wait(running)
            elif self._arriving:
                await asyncio.sleep(0)
            else:
                self._clients = self._clients[-1:]
                return

    def busy(self) -> list[str]:
        """Name the handlers that run."""
        tasks = [task for client in self._clients for task in self._dispatch.running(client)]
        return [repr(task.event or "connect or disconnect") for task in tasks]

    # What the session calls.

    def _arrive(self, arrival: Callable[[], None]) -> None:
        if not self._arriving:
            asyncio.get_running_loop().call_soon(self._flush)
        self._arriving.append(arrival)

    def _flush(self) -> None:
        while self._arriving:
            self._arriving.popleft()()

    def _message(self, message: str | bytes) -> None:
        try:
            packet = self._decoded(message)
        except SocketViolation as violation:
            self.violation = violation
            self._arriving.clear()
            self._close()
            return
        if packet is not None:
            receiver = self.receivers.get(packet[1])
            if receiver is not None:
                receiver.packet_received(packet)

    def _decoded(self, message: str | bytes) -> Packet | None:
        if self._partial is not None and isinstance(message, bytes):
            packet = self._partial.add(message)
            if packet is not None:
                self._partial = None
            return packet
        decoded = self.codec.decode(message)
        if not decoded[4]:
            return decoded
        self._partial = Reassembly(decoded)
        return None

    def _closed(self, reason: str) -> None:
        for receiver in tuple(self.receivers.values()):
            receiver.ended(Reason.PARSE_ERROR if self.violation else translate(reason))
