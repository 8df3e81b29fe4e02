"""The links between one worker and all others: every worker has one to every other."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Final

from rtserver.cluster.workers.link import Link
from rtserver.cluster.workers.place import Place
from rtserver.errors import ClusterViolation

__all__ = ["Mesh"]

logger = logging.getLogger("rtserver.cluster")

RETRY: Final = 0.5
"""Seconds until a worker that ought to be there is connected to again. Each time that fails, they double."""
MAX_RETRY: Final = 30.0
"""What they double up to."""
FLUSH_TIMEOUT: Final = 1.0
"""Seconds that other workers have at the end to take what was sent to them."""
BACKLOG: Final = 256
"""Workers that may connect at the same time."""


class Mesh:
    """Connects to every worker that is there, and takes the connections of those that come later.

    Of two workers that connect to each other at the same time the one with the lower name wins.

    Args:
        place: Where this worker is.
        limit: Bytes that may wait for one worker, and the most that a message may have.
        receive: Takes messages. It may raise `ClusterViolation`: then the link they came by is closed.
        lost: Called with the name of a worker whose link is closed.
    """

    def __init__(
        self,
        place: Place,
        limit: int,
        receive: Callable[[str, list[bytes]], None],
        lost: Callable[[str], None],
    ) -> None:
        self.place = place
        self.links: dict[str, Link] = {}
        """The links that are up, by the names of the workers."""
        self.links_lost = 0
        """How many have ended while this worker wanted them."""
        self._ended_sent = self._ended_received = 0
        self.bytes_dropped = 0
        """What waited for workers that were given up."""
        self._limit = limit
        self._receive = receive
        self._lost = lost
        self._open: set[Link] = set()
        self._connecting: dict[str, Link] = {}
        self._dead: set[str] = set()
        self._server: asyncio.Server | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._delay = RETRY
        self._meeting: asyncio.Task[None] | None = None
        self._is_closing = False

    @property
    def bytes_sent(self) -> int:
        """Bytes that were written to other workers."""
        return self._ended_sent + sum(link.bytes_sent for link in self._open)

    @property
    def bytes_received(self) -> int:
        """Bytes that have come from other workers."""
        return self._ended_received + sum(link.bytes_received for link in self._open)

    async def start(self) -> None:
        """Listen, and connect to the workers that are there already.

        Raises:
            OSError: The place can't be listened at.
        """
        listener = _listen(self.place)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(self._accepted, sock=listener)
        await self._meet()

    async def close(self) -> None:
        """Leave: what was sent before is delivered, unless a worker doesn't read."""
        self._is_closing = True
        if self._server is None:
            return
        self.place.bus.unlink(missing_ok=True)
        self._server.close()
        if self._retry is not None:
            self._retry.cancel()
        if self._meeting is not None:
            self._meeting.cancel()
        links = list(self._open)
        for link in links:
            link.close()
        if links:
            await asyncio.wait([link.ended for link in links], timeout=FLUSH_TIMEOUT)
        for link in list(self._open):
            link.abort()

    # Connecting.

    async def _meet(self) -> None:
        """Connect to every worker that is there and that there is no link to."""
        names = self.place.others()
        self._dead.intersection_update(names)
        unknown = [name for name in names if not self._is_met(name)]
        await asyncio.gather(*map(self._connect, unknown))

    def _is_met(self, name: str) -> bool:
        return name in self.links or name in self._connecting or name in self._dead

    async def _connect(self, name: str) -> None:
        link = self._connecting[name] = self._make(name)
        path = str(self.place.at(name).bus)
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: link, path)
        except (ConnectionRefusedError, FileNotFoundError):
            self._dead.add(name)  # nobody listens any more, and nobody will: the next one has a new name
            self._connecting.pop(name, None)
            self.ended(link)
        except OSError as error:
            logger.warning("worker %s can't be connected to: %s", name, error)
            self.ended(link)
        else:
            await link.settled

    def _accepted(self) -> Link:
        return self._make()

    def _make(self, to: str | None = None) -> Link:
        link = Link(self, self.place.name, self._limit, to)
        self._open.add(link)
        return link

    def _meet_later(self) -> None:
        if self._retry is None and not self._is_closing:
            self._retry = asyncio.get_running_loop().call_later(self._delay, self._meet_again)

    def _meet_again(self) -> None:
        self._retry = None
        self._delay = min(2 * self._delay, MAX_RETRY)
        self._meeting = asyncio.ensure_future(self._meet())

    # What links report.

    def greeted(self, link: Link, name: str) -> bool:
        """Take a link whose other end is known, unless there is a better one."""
        if self._is_closing:
            return False
        if name == self.place.name:
            raise ClusterViolation(f"the name {name!r}, which is that of this worker")
        if link.is_ours:
            self._connecting.pop(name, None)
        else:
            other = self.links.get(name) or self._connecting.get(name)
            if other is not None:
                if other.is_ours and self.place.name < name:
                    return False
                other.abort()  # the other side has given it up, or is about to refuse it
                self._forget(other)
        self.links[name] = link
        self._delay = RETRY
        logger.debug("worker %s is here", name)
        return True

    def received(self, link: Link, bodies: list[bytes]) -> None:
        """Hand messages over."""
        assert link.name is not None
        self._receive(link.name, bodies)

    def ended(self, link: Link) -> None:
        """Forget a link; come back if the worker at its other end is still there."""
        self._open.discard(link)
        self._ended_sent += link.bytes_sent
        self._ended_received += link.bytes_received
        self.bytes_dropped += link.bytes_dropped
        self._forget(link)

    def _forget(self, link: Link) -> None:
        name = link.name
        if name is None:
            return
        if self._connecting.get(name) is link:
            del self._connecting[name]
            self._meet_later()
        if self.links.get(name) is link:
            del self.links[name]
            if not self._is_closing:
                self.links_lost += 1
                logger.debug("worker %s is gone", name)
                self._meet_later()
            self._lost(name)


def _listen(place: Place) -> socket.socket:
    """Return a socket that listens at the place. It is there under its name only once it does."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    hidden = place.bus.with_name(place.bus.name + "~")
    try:
        listener.bind(str(hidden))
        listener.listen(BACKLOG)
        listener.setblocking(False)
        hidden.rename(place.bus)
    except BaseException:
        listener.close()
        raise
    return listener
