"""A bus between servers of one process: messages cross it as bytes, in the next turn of the loop."""

from __future__ import annotations

import asyncio

from rtserver.cluster.bus import MEETING, Census, Receive
from rtserver.cluster.message import Kind, Message
from rtserver.cluster.wire import decode, encode


class Exchange:
    """What the buses of one cluster share."""

    def __init__(self) -> None:
        self.buses: dict[str, LoopBus] = {}
        self.sent: list[tuple[Message, str | None]] = []


class LoopBus:
    """One server's end."""

    def __init__(self, exchange: Exchange, uid: str) -> None:
        self.exchange = exchange
        self.uid = uid
        self.is_deaf = False
        self.opened = {"/"}
        self._receive: Receive

    async def start(self, receive: Receive) -> None:
        self._receive = receive
        self.exchange.buses[self.uid] = self

    def open(self, namespace: str) -> None:
        self.opened.add(namespace)

    def shut(self, namespace: str) -> None:
        self.opened.discard(namespace)

    def send(self, message: Message, room: str | None = None) -> None:
        self.exchange.sent.append((message, room))
        body = encode(message)
        for uid in self.exchange.buses:
            if uid != self.uid:
                self._deliver(uid, body)

    def reply(self, uid: str, message: Message) -> None:
        self._deliver(uid, encode(message))

    def _deliver(self, uid: str, body: bytes) -> None:
        bus = self.exchange.buses.get(uid)
        if bus is not None and not bus.is_deaf and (message := decode(body)).namespace in bus.opened:
            asyncio.get_running_loop().call_soon(bus._receive, message)

    async def census(self, namespace: str) -> Census:
        others = frozenset(self.exchange.buses) - {self.uid}
        return Census(len(others), others)

    async def close(self) -> None:
        self.send(Message(self.uid, MEETING, Kind.CLOSE, {}))
        self.exchange.buses.pop(self.uid, None)
