"""Accept the connections of clients, and give each one to the worker that has the fewest."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Generic, TypeVar

from rtserver.service.workers.balance import Balance
from rtserver.transport.handover.passage import Passage
from rtserver.transport.handover.sender import Outcome, Sender

__all__ = ["Acceptor"]

logger = logging.getLogger("rtserver.service")

Worker = TypeVar("Worker")

PER_TURN: Final = 64
"""Connections that are accepted before the workers' messages have their turn."""
PAUSE: Final = 0.01
"""Seconds until a connection is offered again when every worker is busy with those that it was given."""
LONG_PAUSE: Final = 1.0
"""Seconds until connections are accepted again when the system has no room for them."""


class Acceptor(Generic[Worker]):
    """Listens while there are workers. While there are none, connections wait in the kernel.

    Args:
        sockets: What is listened on. They belong to this object from now on.
        secure: Whether connections begin with a handshake of TLS, which is the worker's.
    """

    def __init__(self, sockets: Sequence[socket.socket], *, secure: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._sockets = list(sockets)
        self._passage = Passage(tls=secure)
        self._senders: dict[Worker, Sender] = {}
        self._balance: Balance[Worker] = Balance()
        self._held: socket.socket | None = None
        """A connection that no worker has had room for."""
        self._is_listening = False
        self._pause: asyncio.TimerHandle | None = None

    def add(self, worker: Worker, door: Path) -> None:
        """Let a worker take connections through its door."""
        self._senders[worker] = Sender(door)
        self._balance.add(worker)
        self._go_on()

    def remove(self, worker: Worker) -> None:
        """Give a worker no further connection. Harmless if it doesn't take any."""
        self._balance.remove(worker)
        sender = self._senders.pop(worker, None)
        if sender is not None:
            sender.close()
        if not self._balance:
            self._stop()

    def report(self, worker: Worker, connections: int, taken: int) -> None:
        """Learn how many connections a worker has; see `Balance`."""
        self._balance.report(worker, connections, taken)

    def close(self) -> None:
        """Listen no more."""
        self._stop()
        for listener in self._sockets:
            listener.close()
        self._sockets = []
        if self._held is not None:
            self._held.close()
            self._held = None
        for sender in self._senders.values():
            sender.close()
        self._senders = {}

    def _go_on(self) -> None:
        """Listen, if there is anybody to give connections to."""
        self._pause = None
        if self._is_listening or not self._balance:
            return
        if self._held is not None:
            held, self._held = self._held, None
            self._give(held)
            if self._held is not None:
                return
        self._is_listening = True
        for listener in self._sockets:
            self._loop.add_reader(listener.fileno(), self._accept, listener)

    def _stop(self, seconds: float | None = None) -> None:
        """Listen no more; go on after so many seconds, if any are given."""
        if self._is_listening:
            self._is_listening = False
            for listener in self._sockets:
                self._loop.remove_reader(listener.fileno())
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if seconds is not None:
            self._pause = self._loop.call_later(seconds, self._go_on)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(PER_TURN):
            if not self._is_listening:
                return
            try:
                connection, _ = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # no descriptor or memory is free
                logger.error("can't accept connections, trying again in %g s: %s", LONG_PAUSE, error)
                self._stop(LONG_PAUSE)
                return
            self._give(connection)

    def _give(self, connection: socket.socket) -> None:
        """Give a connection to a worker, or keep it for a moment if none has room."""
        for worker in self._candidates():
            outcome = self._senders[worker].send(connection.fileno(), self._passage)
            if outcome is Outcome.SENT:
                self._balance.gave(worker)
                connection.close()
                return
            if outcome is Outcome.GONE:  # its end will be noticed
                self._balance.remove(worker)
        self._held = connection
        self._stop(PAUSE)

    def _candidates(self) -> Iterator[Worker]:
        least = self._balance.least()
        if least is not None:
            yield least
            yield from [worker for worker in self._balance.order() if worker is not least]
