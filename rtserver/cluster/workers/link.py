"""The connection between two workers."""

from __future__ import annotations

import asyncio
import logging
from typing import Final, Protocol, cast

from rtserver.cluster.message import Kind, Message
from rtserver.cluster.wire import decode, encode
from rtserver.cluster.workers.frames import FrameParser, frame
from rtserver.errors import ClusterViolation

__all__ = ["VERSION", "Link", "LinkOwner"]

logger = logging.getLogger("rtserver.cluster")

VERSION: Final = 1
"""Of what workers send each other. Those of different versions don't talk to each other."""
HELLO_TIMEOUT: Final = 5.0
"""Seconds that a worker has to say who it is."""


class LinkOwner(Protocol):
    """What has links."""

    def greeted(self, link: Link, name: str) -> bool:
        """Learn who is at the other end.

        Returns:
            Whether the link is to be kept: if so it is ready for use when this returns.
        """

    def received(self, link: Link, bodies: list[bytes]) -> None:
        """Take messages.

        Raises:
            ClusterViolation: One of them can't be understood. The link is closed.
        """

    def ended(self, link: Link) -> None:
        """Learn that the link is closed, whoever has closed it."""


class Link(asyncio.Protocol):
    """One connection. The side that has connected says first who it is.

    Args:
        owner: What has it.
        uid: The name of this worker.
        limit: Bytes that may wait to be sent, and the most that a message may have.
        to: The name of the worker that is being connected to; None if that one has connected.
    """

    __slots__ = (
        "_limit",
        "_owner",
        "_parser",
        "_pending",
        "_timer",
        "_transport",
        "_uid",
        "_waiting",
        "bytes_dropped",
        "bytes_received",
        "bytes_sent",
        "ended",
        "is_ours",
        "is_up",
        "name",
        "settled",
    )

    def __init__(self, owner: LinkOwner, uid: str, limit: int, to: str | None = None) -> None:
        self._owner = owner
        self._uid = uid
        self._limit = limit
        self._parser = FrameParser(limit)
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._pending: list[bytes] = []
        self._waiting = 0
        """Bytes that the kernel hadn't taken at the last flush, and those that were sent since."""
        self.name = to
        """Who is at the other end, once that is known."""
        self.is_ours = to is not None
        """Whether this side has connected."""
        self.is_up = False
        """Whether both sides know each other, and the link is open."""
        self.settled = asyncio.get_running_loop().create_future()
        """Done when the link is up, or is closed without ever having been."""
        self.ended = asyncio.get_running_loop().create_future()
        """Done when the link is closed."""
        self.bytes_received = 0
        self.bytes_sent = 0
        self.bytes_dropped = 0
        """Bytes that waited when the link was given up."""

    # What is sent.

    def send(self, framed: bytes) -> None:
        """Send a message at the next `flush`. A worker for which too much waits is given up."""
        self._pending.append(framed)
        self._waiting += len(framed)
        if self._waiting > self._limit:
            self.flush()
            if self._waiting > self._limit:
                self._give_up()

    def flush(self) -> None:
        """Write what is to be sent."""
        transport = self._transport
        if not self._pending or transport is None or transport.is_closing():
            return
        data = self._pending[0] if len(self._pending) == 1 else b"".join(self._pending)
        self._pending.clear()
        self.bytes_sent += len(data)
        transport.write(data)
        self._waiting = transport.get_write_buffer_size()

    def close(self) -> None:
        """Close the link after what was sent."""
        self.flush()
        self.is_up = False
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close the link at once."""
        self.is_up = False
        self._pending.clear()
        if self._transport is not None:
            self._transport.abort()

    def _give_up(self) -> None:
        if self.is_up:
            logger.error(
                "worker %s doesn't read: %d bytes wait for it, expected %d at most; its link is closed",
                self.name,
                self._waiting,
                self._limit,
            )
            self.abort()
        self.bytes_dropped += self._waiting
        self._waiting = 0
        self._pending.clear()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say who this is, if this side has connected."""
        self._transport = cast("asyncio.Transport", transport)
        self._timer = asyncio.get_running_loop().call_later(HELLO_TIMEOUT, self._not_greeted)
        if self.is_ours:
            self._greet()

    def data_received(self, data: bytes) -> None:
        """Take messages; the first says who is at the other end."""
        self.bytes_received += len(data)
        try:
            bodies = self._parser.feed(data)
            if self._timer is not None and bodies:
                self._greeted(bodies.pop(0))
            if bodies and self.is_up:
                self._owner.received(self, bodies)
        except ClusterViolation as violation:
            logger.warning("worker %s sent %s; its link is closed", self.name or "unknown", violation)
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the owner."""
        self.is_up = False
        self._stop_timer()
        self._transport = None
        self._pending.clear()
        self._owner.ended(self)
        for future in (self.settled, self.ended):
            if not future.done():
                future.set_result(None)

    # Who is there.

    def _greet(self) -> None:
        self.send(frame(encode(Message(self._uid, "/", Kind.INITIAL_HEARTBEAT, {"version": VERSION}))))
        self.flush()

    def _greeted(self, body: bytes) -> None:
        hello = decode(body)
        version = hello.data.get("version")
        if hello.kind is not Kind.INITIAL_HEARTBEAT or version != VERSION:
            raise ClusterViolation(f"{body[:80]!r}, expected a hello of version {VERSION}")
        if self.name is not None and self.name != hello.uid:
            raise ClusterViolation(f"the name {hello.uid!r}, expected {self.name!r}")
        self._stop_timer()
        self.name = hello.uid
        if not self._owner.greeted(self, hello.uid):
            self.abort()
            return
        if not self.is_ours:
            self._greet()
        self.is_up = True
        self.settled.set_result(None)

    def _not_greeted(self) -> None:
        self._timer = None
        logger.warning(
            "worker %s didn't say hello within %g s; its link is closed",
            self.name or "unknown",
            HELLO_TIMEOUT,
        )
        self.abort()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
