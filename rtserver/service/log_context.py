"""Tells in each line that is logged while a client's packet is handled whose that is: the application's, too.

It stands between Engine.IO and the server, and only where that is wanted: it costs a little for each packet.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any

from rtserver.engineio.handler import PacketHandler, Session
from rtserver.server.client import Client
from rtserver.server.logged import client_fields, clients_fields
from rtserver.server.ordered_start import HandlerTask

__all__ = ["LogContext"]


class LogContext(logging.Filter):
    """An Engine.IO handler in front of the server, and a filter that adds fields to log records.

    A handler's first step runs while its packet is taken; what comes after that, in a task that knows its
    client.

    Args:
        handler: The server.
    """

    def __init__(self, handler: PacketHandler) -> None:
        super().__init__()
        self._handler = handler
        self._message = handler.message
        self._packet = handler.packet
        self.connect = handler.connect
        self.decode: Callable[[bytes], Any] = handler.decode
        self.drain = handler.drain
        self._client: Client | None = None
        """Whose packet is being taken."""
        self._thread = threading.get_ident()

    # What Engine.IO calls.

    def packet(self, session: Session, packet: Any, /) -> None:
        """Take one packet of a client."""
        self._client = session.context
        try:
            self._packet(session, packet)
        finally:
            self._client = None

    def message(self, session: Session, data: str | bytes, /) -> None:
        """Take one message of a client that isn't decoded yet."""
        self._client = session.context
        try:
            self._message(session, data)
        finally:
            self._client = None

    def disconnect(self, session: Session, reason: str, /) -> None:
        """Learn that a session has closed."""
        self._client = session.context
        try:
            self._handler.disconnect(session, reason)
        finally:
            self._client = None

    # What logging calls.

    def begin(self) -> None:
        """Add fields to what is logged from now on."""
        for handler in logging.getLogger().handlers:
            handler.addFilter(self)

    def end(self) -> None:
        """Add none any more."""
        for handler in logging.getLogger().handlers:
            handler.removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the fields that are known, but for those that the record has already."""
        if record.thread == self._thread:
            for key, value in self._fields().items():
                record.__dict__.setdefault(key, value)
        return True

    def _fields(self) -> dict[str, object]:
        task = _current_task()
        if isinstance(task, HandlerTask) and task.socket is not None:
            more = {} if task.event is None else {"event": task.event}
            return client_fields(task.socket, **more)
        return {} if self._client is None else clients_fields(self._client)


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # no loop runs
        return None
