"""What the supervisor and a worker tell each other: one JSON object a line, over a pair of sockets.

supervisor to worker:
    ``begin``   where the other workers are, the worker's own name, and the configuration
    ``drain``   close the clients within some seconds, and end
    ``measure`` tell the metrics
worker to supervisor:
    ``ready``   the application is set up, and connections can come
    ``alive``   the event loop runs; how many connections there are, and what is the matter
    ``measured`` the metrics
    ``leave``   the worker drains without having been told to
    ``failed``  it can't serve, and why
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Final, cast

__all__ = [
    "Alive",
    "Begin",
    "Channel",
    "Drain",
    "Failed",
    "Leave",
    "Measure",
    "Measured",
    "Message",
    "Ready",
    "decode",
    "encode",
]

logger = logging.getLogger("rtserver.service")

_LONGEST: Final = 4 * 1024 * 1024
"""Bytes of a line. The longest holds a configuration."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Serve."""

    directory: str
    """Where the workers meet."""
    name: str
    """The worker's name."""
    config: dict[str, Any]
    """The settings that aren't left at their defaults."""


@dataclass(frozen=True, slots=True)
class Drain:
    """Close the clients, and end."""

    seconds: float
    """In which the clients are closed, one after another; 0 for all at once."""
    quick: bool = False
    """Whether nothing is waited for any more."""
    heirs: list[str] = field(default_factory=list)
    """The names of the workers that go on."""


@dataclass(frozen=True, slots=True)
class Measure:
    """Tell the metrics."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The metrics of the worker."""

    families: list[Any]
    """As `Family.as_data` makes them."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Connections can come."""


@dataclass(frozen=True, slots=True)
class Alive:
    """The event loop runs."""

    connections: int
    """How many there are now."""
    taken: int
    """How many the supervisor has handed to the worker since its start."""
    troubles: list[str] = field(default_factory=list)
    """Why no client should come to this worker now."""


@dataclass(frozen=True, slots=True)
class Leave:
    """The worker drains of its own accord."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The worker can't serve."""

    message: str
    """What the operator is told."""
    is_config: bool = False
    """Whether it is the configuration that is wrong."""


Message = Begin | Drain | Measure | Ready | Alive | Measured | Leave | Failed

_KINDS: Final[dict[str, type[Any]]] = {
    kind.__name__.lower(): kind for kind in (Begin, Drain, Measure, Ready, Alive, Measured, Leave, Failed)
}


def encode(message: Message) -> bytes:
    """Make the line of a message."""
    kind = type(message).__name__.lower()
    return json.dumps({"type": kind, **asdict(message)}, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Message:
    """Read a line.

    Raises:
        ValueError: It isn't a message.
    """
    try:
        values = json.loads(line)
        return cast(Message, _KINDS[values.pop("type")](**values))
    except (ValueError, KeyError, TypeError, AttributeError):
        expected = ", ".join(_KINDS)
        raise ValueError(f"a control message: received {line[:80]!r}, expected one of {expected}") from None


class Channel(asyncio.Protocol):
    """One end of the pair of sockets.

    Args:
        receive: Called with each message of the other side.
        lost: Called once the other side is gone, or has sent what isn't a message; None to call nothing.
    """

    def __init__(self, receive: Callable[[Message], None], lost: Callable[[], None] | None) -> None:
        self._receive = receive
        self._lost = lost
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._gone = asyncio.Event()

    @classmethod
    async def over(
        cls, end: socket.socket, receive: Callable[[Message], None], lost: Callable[[], None] | None = None
    ) -> Channel:
        """Begin to talk over a connected socket."""
        loop = asyncio.get_running_loop()
        _, channel = await loop.create_unix_connection(lambda: cls(receive, lost), sock=end)
        return channel

    def send(self, message: Message) -> None:
        """Send a message, unless the other side is gone."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(encode(message))

    @property
    def is_behind(self) -> bool:
        """True while the other side doesn't read what it was sent."""
        return self._transport is not None and self._transport.get_write_buffer_size() > 0

    async def ended(self, patience: float) -> None:
        """Wait until the other side has closed its end and all that it sent has come, but not for longer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._gone.wait()

    def close(self) -> None:
        """Send what is left, and let go of the socket."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take the messages that a chunk completes."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        try:
            messages = [decode(line) for line in lines]
        except ValueError as error:
            logger.error("%s", error)
            self.close()
            return
        for message in messages:
            self._receive(message)
        if len(self._buffer) > _LONGEST:
            logger.error("a control message of more than %d bytes", _LONGEST)
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell of the end."""
        self._transport = None
        self._gone.set()
        if self._lost is not None:
            self._lost()
