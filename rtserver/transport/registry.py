"""The sessions of a server by their ids."""

from __future__ import annotations

from collections.abc import Iterator

from rtserver.engineio.session import Session
from rtserver.ids import new_sid

__all__ = ["Registry"]


class Registry:
    """All sessions that a request may name."""

    __slots__ = ("_count", "_sessions", "name")

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._count = 0
        self.name = ""
        """What new ids begin with: this process's name where there are others."""

    def new_sid(self) -> str:
        """Return an id for a new session."""
        return new_sid(self.name)

    def next_ordinal(self) -> int:
        """Return how many sessions there were before."""
        self._count += 1
        return self._count

    def add(self, session: Session) -> None:
        """Let requests find a session."""
        self._sessions[session.sid] = session

    def remove(self, session: Session) -> None:
        """Let no request find it any more."""
        self._sessions.pop(session.sid, None)

    def get(self, sid: str) -> Session | None:
        """Return the session with this id."""
        return self._sessions.get(sid)

    def __getitem__(self, sid: str) -> Session:
        """Return the session with this id."""
        return self._sessions[sid]

    def __contains__(self, sid: object) -> bool:
        """Tell whether a session has this id."""
        return sid in self._sessions

    def __iter__(self) -> Iterator[Session]:
        """Go through the sessions as they are now, whatever is closed meanwhile."""
        return iter(list(self._sessions.values()))

    def __len__(self) -> int:
        """Return the number of sessions."""
        return len(self._sessions)
