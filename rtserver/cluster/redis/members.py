"""What a server has for each node of a Redis Cluster: it begins and ends while nobody waits for that."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from rtserver.cluster.redis.ending import end
from rtserver.errors import StartError

__all__ = ["Members"]

logger = logging.getLogger("rtserver.cluster")


class Member(Protocol):
    """What begins by connecting to a node."""

    async def start(self) -> None:
        """Connect.

        Raises:
            StartError: The node refuses what the URL says.
        """


Each = TypeVar("Each", bound=Member)


class Members(Generic[Each]):
    """The connections to the nodes, by the names of these.

    Args:
        end: Ends what a node had that has no slots any more.
    """

    __slots__ = ("_end", "_ending", "_starting", "leaving", "present")

    def __init__(self, end: Callable[[Each], Awaitable[None]]) -> None:
        self._end = end
        self._starting: dict[Each, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self.present: dict[str, Each] = {}
        self.leaving: set[Each] = set()
        """What nodes had that are gone, until it has ended."""

    def start(self, member: Each) -> asyncio.Task[None]:
        """Let one connect. It is started no further when it is to end."""
        task = asyncio.create_task(member.start())
        self._starting[member] = task
        task.add_done_callback(lambda _: self._starting.pop(member))
        return task

    def begin(self, member: Each) -> None:
        """Let one connect that nobody waits for."""
        self.start(member).add_done_callback(_log_refusal)

    def remove(self, node: str) -> Each:
        """Let what a node had end."""
        member = self.present.pop(node)
        self.leaving.add(member)
        task = asyncio.create_task(self._leave(member))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        return member

    async def _leave(self, member: Each) -> None:
        await self._close(member, self._end)
        self.leaving.discard(member)

    async def close(self, close: Callable[[Each], Awaitable[None]]) -> None:
        """End.

        Args:
            close: Ends what there is for a node.
        """
        closing = (self._close(member, close) for member in self.present.values())
        await asyncio.gather(*closing, *self._ending)

    async def _close(self, member: Each, close: Callable[[Each], Awaitable[None]]) -> None:
        await end(self._starting.get(member))  # what goes on connecting would be connected behind the end
        await close(member)


def _log_refusal(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and isinstance(error := task.exception(), StartError):
        logger.error("%s", error)
