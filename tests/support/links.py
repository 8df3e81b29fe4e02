"""Buses whose messages arrive when a test lets them: those of one link in order, the links in any."""

from __future__ import annotations

from collections import deque

from rtserver.cluster.bus import Census, Receive
from rtserver.cluster.message import Message
from rtserver.cluster.wire import decode, encode


class Links:
    """What is on its way, from each server to each other."""

    def __init__(self, servers: int) -> None:
        self.servers = servers
        self.receivers: list[Receive] = []
        self.waiting: dict[tuple[int, int], deque[bytes]] = {}

    def send(self, sender: int, receiver: int, message: Message) -> None:
        self.waiting.setdefault((sender, receiver), deque()).append(encode(message))

    def deliver(self, number: int, slow: tuple[int, int] | None = None) -> bool:
        """Let the first message of one of the links arrive, but not of the slow one."""
        links = [link for link, queue in self.waiting.items() if queue and link != slow]
        if not links:
            return False
        link = links[number % len(links)]
        self.receivers[link[1]](decode(self.waiting[link].popleft()))
        return True

    def deliver_from(self, sender: int, receiver: int) -> None:
        """Let the first message of this link arrive, if there is one."""
        queue = self.waiting.get((sender, receiver))
        if queue:
            self.receivers[receiver](decode(queue.popleft()))

    def on_the_way(self, sender: int, receiver: int) -> list[Message]:
        """Return what has not arrived yet."""
        return [decode(body) for body in self.waiting.get((sender, receiver), ())]


class LinkBus:
    """One server's end."""

    def __init__(self, links: Links, number: int) -> None:
        self.uid = f"server{number}"
        self._links = links
        self._number = number

    async def start(self, receive: Receive) -> None:
        self._links.receivers.append(receive)

    def open(self, namespace: str) -> None:
        pass

    def shut(self, namespace: str) -> None:
        pass

    def send(self, message: Message, room: str | None = None) -> None:
        for receiver in range(self._links.servers):
            if receiver != self._number:
                self._links.send(self._number, receiver, message)

    def reply(self, uid: str, message: Message) -> None:
        self._links.send(self._number, int(uid[-1]), message)

    async def census(self, namespace: str) -> Census:
        others = frozenset(f"server{each}" for each in range(self._links.servers) if each != self._number)
        return Census(len(others), others)

    async def close(self) -> None:
        pass
