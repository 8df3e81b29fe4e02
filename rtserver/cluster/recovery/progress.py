"""How far the events of each server have come, and which of them come too late for some clients.

Every server numbers the events that it sends from 1, and each other one gets them in that order. So one
number for each sender says which events a server has had, and which not.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final

from rtserver.server.recovery.log import Source

__all__ = ["Late", "Progress"]

MAX_SENDERS: Final = 1000
"""Senders that are remembered, those that were heard of last."""


class Progress:
    """The numbers of the latest events that one server has had of each, itself included.

    Args:
        uid: The server.
    """

    __slots__ = ("_latest", "_uid")

    def __init__(self, uid: str) -> None:
        self._uid = uid
        self._latest: OrderedDict[str, int] = OrderedDict({uid: 0})
        """The one that was heard of longest ago at the front."""

    def next(self) -> Source:
        """Number an event of this server's own."""
        number = self._latest[self._uid] + 1
        self._latest[self._uid] = number
        return self._uid, number

    def note(self, source: Source) -> None:
        """Take note of an event of another server."""
        uid, number = source
        latest = self._latest.get(uid)
        if latest is None:
            if len(self._latest) >= MAX_SENDERS:  # servers come and go
                del self._latest[next(each for each in self._latest if each != self._uid)]
            self._latest[uid] = number
            return
        if number > latest:
            self._latest[uid] = number
        self._latest.move_to_end(uid)

    def latest(self, uid: str) -> int:
        """Return the number of a server's latest event; 0 for none."""
        return self._latest.get(uid, 0)

    def vector(self) -> dict[str, int]:
        """Return all numbers, by the servers."""
        return dict(self._latest)


class Late:
    """Clients that came from another server, and the events of it that come here only now.

    That server had those events when it let the clients go, and has given them to them.
    """

    __slots__ = ("_awaited",)

    def __init__(self) -> None:
        self._awaited: dict[str, dict[str, tuple[int, float]]] = {}
        """Up to which number a client has a sender's events, and how long that matters: by sender, sid."""

    def __len__(self) -> int:
        """Return for how many senders there are such clients."""
        return len(self._awaited)

    def expect(self, sid: str, vector: Mapping[str, int], progress: Progress, until: float) -> None:
        """Take note of a client.

        Args:
            sid: The client.
            vector: What it has of each sender.
            progress: What has come here.
            until: The time after which nothing will come that late.
        """
        for uid, number in vector.items():
            if number > progress.latest(uid):
                self._awaited.setdefault(uid, {})[sid] = (number, until)

    def having(self, source: Source) -> Sequence[str]:
        """Return the clients that have this event already."""
        uid, number = source
        awaited = self._awaited.get(uid)
        if awaited is None:
            return ()
        late = [sid for sid, (last, _) in awaited.items() if number <= last]
        if len(late) < len(awaited):  # what follows is new for the others, too
            self._keep(uid, {sid: awaited[sid] for sid in late})
        return late

    def expire(self, now: float) -> None:
        """Forget for whom nothing will come any more."""
        for uid, awaited in tuple(self._awaited.items()):
            self._keep(uid, {sid: each for sid, each in awaited.items() if each[1] > now})

    def _keep(self, uid: str, awaited: dict[str, tuple[int, float]]) -> None:
        if awaited:
            self._awaited[uid] = awaited
        else:
            del self._awaited[uid]
