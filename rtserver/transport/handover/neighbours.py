"""The other processes of this machine that have sessions, and how a connection gets to the right one."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Iterable

from rtserver.cluster.workers.place import NAME_LENGTH, Place
from rtserver.engineio.counters import Counters
from rtserver.transport.exchange import address
from rtserver.transport.handover.passage import MAX_DATA, Origin, Passage
from rtserver.transport.handover.relay import Relay
from rtserver.transport.handover.relayed import RelayedTransport
from rtserver.transport.handover.sender import Outcome, Sender
from rtserver.transport.handover.waiting import WaitingSender

__all__ = ["Neighbour", "Neighbours"]


class Neighbours:
    """Finds the process that has a session: the session's id begins with its name.

    Args:
        loop: The event loop.
        place: Where the processes find each other, and what this one is called.
        counters: What the server counts.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, place: Place, counters: Counters) -> None:
        self._loop = loop
        self._place = place
        self._counters = counters
        self._known: dict[str, Neighbour] = {}
        self._relays: set[Relay] = set()
        self._heirs: deque[str] = deque()

    def inherit(self, names: Iterable[str]) -> None:
        """Say which processes go on when this one ends."""
        self._heirs = deque(names)

    def heir(self) -> Neighbour | None:
        """Return a process for what comes while this one ends, each time the next; None without any."""
        heirs = self._heirs
        while heirs:
            neighbour = self.find(heirs[0])
            if neighbour is not None:
                heirs.rotate(-1)
                return neighbour
            heirs.popleft()
        return None

    def find(self, sid: str) -> Neighbour | None:
        """Return the process that has a session which isn't here; None when there is none, or it has gone."""
        name = sid[:NAME_LENGTH]
        if name == self._place.name:
            return None
        neighbour = self._known.get(name)
        if neighbour is None:
            try:
                place = self._place.at(name)
            except ValueError:  # any client may send any id
                return None
            sender = Sender(place.door)
            neighbour = Neighbour(self._loop, sender, self._counters, self._relays)
            if sender.connect() is Outcome.GONE:
                return None
            self._forget_the_dead()
            self._known[name] = neighbour
        elif not neighbour.is_there():
            self._known.pop(name).close()
            return None
        return neighbour

    def _forget_the_dead(self) -> None:
        """A process that is started anew has a new name, and nobody asks for the old one for long."""
        for name in [name for name in self._known if not self._place.at(name).door.exists()]:
            self._known.pop(name).close()

    def close(self) -> None:
        """Let go of all processes, and end the connections that are relayed to them."""
        for neighbour in self._known.values():
            neighbour.close()
        self._known.clear()
        for relay in list(self._relays):
            relay.close()


class Neighbour:
    """Gives connections to one process: the socket itself, or a relay where that can't leave.

    Args:
        loop: The event loop.
        sender: The way to the process.
        counters: What the server counts.
        relays: Those that run.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, sender: Sender, counters: Counters, relays: set[Relay]
    ) -> None:
        self._loop = loop
        self._sender = sender
        self._waiting = WaitingSender(loop, sender)
        self._counters = counters
        self._relays = relays

    def is_there(self) -> bool:
        """Find out whether the process lives, as far as is known."""
        return self._sender.connect() is not Outcome.GONE

    def serve(self, transport: asyncio.Transport, data: bytes, writing_paused: bool = False) -> Outcome:
        """Let the process serve a connection from here on.

        Args:
            transport: The connection. Its protocol hears nothing more of it, except that it has gone.
            data: What was read from it, beginning with a request.
            writing_paused: True when the transport has called `pause_writing` last.

        Returns:
            What has become of it. Nothing has happened to it unless that is SENT.
        """
        if (
            transport.get_extra_info("ssl_object") is None
            and len(data) <= MAX_DATA
            and not transport.get_write_buffer_size()  # nothing is left of an earlier answer
        ):
            return self._hand_over(transport, data)
        return self._relay(transport, data, writing_paused)

    def close(self) -> None:
        """Let go of the process."""
        self._waiting.close()

    def _hand_over(self, transport: asyncio.Transport, data: bytes) -> Outcome:
        origin = transport.origin if isinstance(transport, RelayedTransport) else None
        descriptor: int = transport.get_extra_info("socket").fileno()
        outcome = self._waiting.send(descriptor, Passage(data, origin=origin))
        if outcome is Outcome.SENT:
            self._counters.connections_moved += 1
            transport.abort()  # this process's descriptor is closed; the connection lives
        return outcome

    def _relay(self, transport: asyncio.Transport, data: bytes, writing_paused: bool) -> Outcome:
        try:
            ours, theirs = socket.socketpair()
        except OSError:  # no descriptor is free
            return Outcome.FULL
        with theirs:
            outcome = self._waiting.send(theirs.fileno(), Passage(origin=_origin(transport)))
        if outcome is not Outcome.SENT:
            ours.close()
            return outcome
        self._counters.connections_relayed += 1
        relay = Relay(self._loop, transport, writing_paused, self._relays.discard)
        self._relays.add(relay)
        relay.begin(ours, data)
        return outcome


def _origin(transport: asyncio.Transport) -> Origin:
    info = transport.get_extra_info
    return Origin(address(info("peername")), address(info("sockname")), info("sslcontext") is not None)
