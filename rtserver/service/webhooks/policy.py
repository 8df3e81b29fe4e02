"""How a backend is asked."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Policy"]


@dataclass(frozen=True, slots=True)
class Policy:
    """How the backend is asked.

    Args:
        timeout: Seconds that a request may take, those in which it waits for its turn included.
        retries: How often a connect or an event is sent again that the backend hasn't taken.
        concurrency: Requests under way at one time.
        max_waiting: Connects and events that may wait until others have ended.
        max_client_waiting: Events of one client that may wait: they are sent one after another.
        disconnect_retries: How often it is tried again to tell the backend of a client's end.
        max_disconnects: Ends that may wait.
    """

    timeout: float = 5.0
    retries: int = 2
    concurrency: int = 100
    max_waiting: int = 1000
    max_client_waiting: int = 16
    disconnect_retries: int = 10
    max_disconnects: int = 10_000
