"""What waits for a slow client, in a namespace that has a policy for it.

A socket of such a namespace sends by a queue of its own. While its session isn't congested, and nothing
waits, a packet goes right through; else it waits here, where it can still be dropped or replaced, until the
session tells that it has drained. What the policy doesn't speak of is reliable: acknowledgments, events
that want one, events that are neither volatile nor have a key. These keep their order, and nothing
overtakes one that was sent before it. Where they need more than the limit, the client is disconnected.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

from rtserver.engineio.outgoing import Outgoing
from rtserver.server.client import Client
from rtserver.server.delivery.slow_clients import Drop, SlowClientPolicy
from rtserver.server.hub import Hub, deliver
from rtserver.server.socket import Socket

__all__ = ["ConflatingQueue", "SendQueue", "VolatileQueue", "drain", "make_queue"]

OVERHEAD: Final = 256
"""Bytes that an entry counts besides its packet: many small events need more for their entries."""


class Entry:
    """One packet that waits."""

    __slots__ = ("event", "key", "packet", "size")

    def __init__(self, packet: bytes | Outgoing, event: str, key: str | None) -> None:
        self.packet = packet
        self.size = len(packet) + OVERHEAD
        self.event = event
        self.key = key


class SendQueue:
    """The `Recipient` of a socket: passes packets on, or keeps them for as long as its session is congested.

    Args:
        hub: The shared state.
        socket: The socket, which is connected.
        policy: What its namespace does with slow clients.
    """

    __slots__ = ("_entries", "_hub", "_last_reliable", "_next", "_session", "_socket", "policy", "size")

    def __init__(self, hub: Hub, socket: Socket, policy: SlowClientPolicy) -> None:
        self._hub = hub
        self._socket = socket
        self._session = socket.client.session
        self._entries: OrderedDict[int, Entry] = OrderedDict()
        self._next = 0
        """The number of the next entry: they are in order, with gaps."""
        self._last_reliable = -1
        """The newest entry that nothing may overtake."""
        self.policy = policy
        self.size = 0
        """Bytes that wait here."""

    def __len__(self) -> int:
        """Return how many packets wait."""
        return len(self._entries)

    def send_text(self, packet: bytes, /) -> None:
        """Send one whole text packet, reliably."""
        if self._is_open():
            self._session.send_text(packet)
        else:
            self._keep_reliable(packet)

    def send_outgoing(self, outgoing: Outgoing, /) -> None:
        """Send a message, reliably."""
        if self._is_open():
            self._session.send_outgoing(outgoing)
        else:
            self._keep_reliable(outgoing)

    def send_event(self, outgoing: Outgoing, event: str, volatile: bool, key: str | None) -> None:
        """Send an event as the policy has it.

        Args:
            outgoing: The event, encoded.
            event: Its name.
            volatile: Whether it was emitted as a volatile one.
            key: Its key; None for none.
        """
        raise NotImplementedError

    def drain(self) -> None:
        """Send what waits, until the session is congested again."""
        session = self._session
        while self._entries and not session.congested:
            deliver(session, self._take_first().packet)

    def hand_over(self) -> None:
        """Send all that waits now: something is to follow that doesn't go by this queue."""
        while self._entries:
            deliver(self._session, self._take_first().packet)

    def close(self) -> None:
        """Forget what waits: the socket has left."""
        self._entries.clear()
        self._count(-self.size)
        client = self._socket.client
        if client.queues is not None:
            client.queues.remove(self)
            client.queues = client.queues or None

    def _is_open(self) -> bool:
        return not self._entries and not self._session.congested

    def _keep_reliable(self, packet: bytes | Outgoing, event: str = "") -> None:
        entry = Entry(packet, event, None)
        if self._make_room(entry.size):
            self._last_reliable = self._next
            self._keep(entry)
        else:
            self._hub.too_slow(self._socket.client, self._waiting())

    def _keep(self, entry: Entry) -> None:
        self._entries[self._next] = entry
        self._next += 1
        self._count(entry.size)

    def _take_first(self) -> Entry:
        _, entry = self._entries.popitem(last=False)
        self._count(-entry.size)
        return entry

    def _count(self, size: int) -> None:
        self.size += size
        self._hub.counters.queued_bytes += size

    def _waiting(self) -> int:
        """Return the bytes that wait for the client, in all its queues and its session."""
        client = self._socket.client
        return client.session.buffered + sum(queue.size for queue in client.queues or ())

    def _make_room(self, size: int) -> bool:
        """Return whether so many bytes may wait, besides those that do."""
        return self._waiting() + size <= self._hub.settings.max_held

    def _dropped(self, event: str, reason: Drop) -> None:
        self._hub.dropped(self._socket, event, reason)


class VolatileQueue(SendQueue):
    """Volatile events wait; where there is no room for all, the oldest of them goes."""

    __slots__ = ("_volatile",)

    def __init__(self, hub: Hub, socket: Socket, policy: SlowClientPolicy) -> None:
        super().__init__(hub, socket, policy)
        self._volatile: deque[int] = deque()
        """The numbers of the volatile events, which leave in their order whether they are sent or dropped."""

    def send_event(self, outgoing: Outgoing, event: str, volatile: bool, key: str | None) -> None:
        """Send an event; see `SendQueue.send_event`."""
        if self._is_open():
            self._session.send_outgoing(outgoing)
        elif volatile:
            self._keep_volatile(Entry(outgoing, event, None))
        else:
            self._keep_reliable(outgoing, event)

    def _keep_volatile(self, entry: Entry) -> None:
        if len(self._volatile) >= self.policy.max_volatile:
            self._drop_oldest(Drop.QUEUE_FULL)
        if self._make_room(entry.size):
            self._volatile.append(self._next)
            self._keep(entry)
        else:
            self._dropped(entry.event, Drop.BUFFER_FULL)

    def _make_room(self, size: int) -> bool:
        while not super()._make_room(size):
            if not self._volatile:
                return False
            self._drop_oldest(Drop.BUFFER_FULL)
        return True

    def _drop_oldest(self, reason: Drop) -> None:
        entry = self._entries.pop(self._volatile.popleft())
        self._count(-entry.size)
        self._dropped(entry.event, reason)

    def _take_first(self) -> Entry:
        if self._volatile and self._volatile[0] == next(iter(self._entries)):
            self._volatile.popleft()
        return super()._take_first()

    def close(self) -> None:
        """Forget what waits."""
        self._volatile.clear()
        super().close()


class ConflatingQueue(SendQueue):
    """Of the events with the same key only the newest waits.

    It takes the place of the one before it, so that a key which changes all the time gets its turn like
    any other; unless a reliable event was sent meanwhile, behind which it has to stay, or its client can
    recover.
    """

    __slots__ = ("_keys",)

    def __init__(self, hub: Hub, socket: Socket, policy: SlowClientPolicy) -> None:
        super().__init__(hub, socket, policy)
        self._keys: dict[str, int] = {}
        """The number of the event that waits, by key."""

    def send_event(self, outgoing: Outgoing, event: str, volatile: bool, key: str | None) -> None:
        """Send an event; see `SendQueue.send_event`."""
        is_open = self._is_open()
        if key is not None and not is_open:
            self._conflate(outgoing, event, key)
        elif volatile and not (is_open and self._session.writable):
            self._dropped(event, Drop.NOT_READY)
        elif is_open:
            self._session.send_outgoing(outgoing)
        else:
            self._keep_reliable(outgoing, event)

    def _conflate(self, outgoing: Outgoing, event: str, key: str) -> None:
        entry = Entry(outgoing, event, key)
        number = self._keys.get(key)
        older = None
        if number is not None:
            older = self._entries[number]
            self._count(-older.size)
            # A client that can recover tells which event it has received last: nothing may overtake.
            if number < self._last_reliable or self._socket.recovery is not None:
                del self._entries[number]
                number = None
        if not self._make_room(entry.size):
            self._hub.too_slow(self._socket.client, self._waiting())
            return
        if number is None:
            self._keys[key] = self._next
            self._keep(entry)
        else:
            self._entries[number] = entry
            self._count(entry.size)
        if older is not None:
            self._dropped(older.event, Drop.CONFLATED)

    def _take_first(self) -> Entry:
        entry = super()._take_first()
        if entry.key is not None:
            del self._keys[entry.key]
        return entry

    def close(self) -> None:
        """Forget what waits."""
        self._keys.clear()
        super().close()


def make_queue(hub: Hub, socket: Socket, policy: SlowClientPolicy) -> SendQueue:
    """Make the queue of a socket that has been connected."""
    kind = ConflatingQueue if policy.action == "conflate" else VolatileQueue
    queue = kind(hub, socket, policy)
    client = socket.client
    client.queues = [*(client.queues or ()), queue]
    return queue


def drain(client: Client) -> None:
    """Send what waits in all queues of a client, each time another one first."""
    queues = client.queues
    if queues is not None:
        client.queues = [*queues[1:], queues[0]]
        for queue in queues:
            queue.drain()
