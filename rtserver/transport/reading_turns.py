"""Much that comes at once from one client is processed in turns with what others send.

An event loop goes on reading from a connection for as long as there is much to read: that may be megabytes,
hundreds of thousands of messages, before anyone else is looked at. A few compressed kilobytes may be as much.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

__all__ = ["COMPRESSED_TURN", "TURN", "ReadingTurns"]

TURN: Final = 64 * 1024
"""Bytes that are processed before others have their turn."""
COMPRESSED_TURN: Final = 4 * 1024
"""The same where messages may be compressed, which makes up to a thousand bytes of one."""


class ReadingTurns:
    """Keeps what is to be processed in later turns, and reads nothing more meanwhile.

    Args:
        transport: The connection.
        receive: Takes what has its turn, as `asyncio.Protocol.data_received`.
    """

    __slots__ = ("_is_due", "_is_wanted", "_loop", "_receive", "_rest", "_transport")

    def __init__(self, transport: asyncio.Transport, receive: Callable[[bytes], None]) -> None:
        self._transport = transport
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._rest = b""
        self._is_wanted = True
        """False while nothing is to be taken from the client, neither what is here nor what comes."""
        self._is_due = False

    def take(self, data: bytes, size: int) -> bytes:
        """Return what is processed now; the rest comes to `receive` in a later turn.

        Args:
            data: What has come, or what was left of it.
            size: Bytes of a turn.
        """
        self._rest = data[size:]
        self._transport.pause_reading()
        self._schedule()
        return data[:size]

    def pause_reading(self) -> None:
        """Take nothing more from the client."""
        self._is_wanted = False
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take from the client again: first what is here."""
        self._is_wanted = True
        if self._rest:
            self._schedule()
        else:
            self._transport.resume_reading()

    def _schedule(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._is_due = False
        if not self._is_wanted or self._transport.is_closing():
            return
        rest, self._rest = self._rest, b""
        try:
            self._receive(rest)
        except Exception:  # as an event loop does where it calls this
            self._transport.abort()
            raise
        if not self._rest and self._is_wanted and not self._transport.is_closing():
            self._transport.resume_reading()
