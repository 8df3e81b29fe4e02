"""Two of our servers that are joined by Redis, and a client on the second one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from rtserver import RedisManager
from tests.support.engine import until
from tests.unit.server.harness import FakeSession, Harness

__all__ = ["Pair"]


class Pair:
    """Two servers.

    Args:
        url: Where Redis is.
        rooms: The rooms that the client is in.
        options: Those of both managers.

    Attributes:
        managers: Of the first server and of the second.
        client: On the second one.
    """

    client: FakeSession

    def __init__(self, url: str, rooms: Sequence[str] = (), **options: Any) -> None:
        options = {"heartbeat_interval": 0.2, "heartbeat_timeout": 0.5, **options}
        self.managers = [RedisManager(url, **options) for _ in range(2)]
        self._harnesses = [Harness(manager=manager) for manager in self.managers]
        self.first, self.second = (harness.sio for harness in self._harnesses)
        self._rooms = rooms
        self._number = 0

    async def __aenter__(self) -> Pair:
        await self.first.start()
        await self.second.start()
        self.client = self._harnesses[1].session()
        sid = self.client.join()
        for room in self._rooms:
            await self.second.enter_room(sid, room)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(self.first.shutdown(), self.second.shutdown())

    async def arrives(self, room: str | None = None) -> None:
        """Wait until something that the first server sends to everyone, or to a room, is with the client."""
        async with asyncio.timeout(30):
            while True:
                self._number += 1
                await self.first.emit("event", self._number, room=room)
                try:
                    async with asyncio.timeout(0.2):
                        await until(lambda: f'42["event",{self._number}]' in self.client.sent)
                except TimeoutError:
                    continue
                return

    async def ask(self) -> None:
        """Check that what one server asks the other answers, once both are connected."""
        await until(lambda: all(manager.status().connected for manager in self.managers))
        sockets = await self.first.fetch_sockets()
        assert (len(sockets), sockets.silent) == (1, ())
        self.second.on_server_event("question", lambda: "answer")
        answers = await self.first.server_side_emit_with_ack("question")
        assert (list(answers), answers.complete) == (["answer"], True)
