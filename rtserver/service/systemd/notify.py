"""Tell systemd how the service fares: its notification protocol, sd_notify(3).

A message is one datagram of lines ``NAME=value``, sent to the Unix socket that the environment names.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import MutableMapping
from typing import Final

__all__ = ["Notifier"]

logger = logging.getLogger("rtserver.service")

PATIENCE: Final = 1.0
"""Seconds that systemd has to take a message when its queue is full."""
_VARIABLES: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


class Notifier:
    """Sends systemd messages, where there is one that wants them.

    Args:
        address: Its socket: a path, or "@" and a name of the abstract namespace. None: there is none.
        watchdog: Seconds after which it takes the service for dead, unless it hears of it; None for never.
    """

    def __init__(self, address: str | None, watchdog: float | None = None) -> None:
        self._address = address
        self._watchdog = watchdog
        self._beat: asyncio.TimerHandle | None = None

    @classmethod
    def of_environment(cls, environment: MutableMapping[str, str] = os.environ) -> Notifier:
        """Learn from the environment whom to tell.

        Its variables are removed: they aren't meant for processes that this one starts.
        """
        address, microseconds, pid = (environment.pop(name, None) for name in _VARIABLES)
        is_meant = pid is None or pid == str(os.getpid())
        if address is None or not is_meant or microseconds is None or not microseconds.isdecimal():
            return cls(address)
        return cls(address, int(microseconds) / 1_000_000 or None)

    def ready(self, status: str, *, refused: bool = False) -> None:
        """Tell that the service serves, after its start or a reload, and begin to show that it lives.

        Args:
            status: What ``systemctl status`` shows.
            refused: Whether the configuration of the reload was refused, which it shows, too.
        """
        note = "; the last reload was refused: see the log" if refused else ""
        self._send("READY=1", _status(status + note))
        if self._watchdog is not None and self._beat is None:
            self._show_life(asyncio.get_running_loop(), self._watchdog / 2)

    def reloading(self) -> None:
        """Tell that the configuration is read again; `ready` follows, whatever comes of it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str, seconds: float) -> None:
        """Tell that the service ends.

        Args:
            status: What ``systemctl status`` shows.
            seconds: That this may take, whatever ``TimeoutStopSec=`` says.
        """
        self._send("STOPPING=1", _status(status), f"EXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}")

    def close(self) -> None:
        """Show no sign of life any more."""
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None

    def _show_life(self, loop: asyncio.AbstractEventLoop, interval: float) -> None:
        """Send a sign of life in each interval: whoever waits for it learns that the event loop runs."""
        self._send("WATCHDOG=1")
        self._beat = loop.call_later(interval, self._show_life, loop, interval)

    def _send(self, *lines: str) -> None:
        if self._address is None:
            return
        name = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(PATIENCE)
                sender.connect(name)
                sender.sendall("\n".join(lines).encode())
        except OSError as error:
            logger.warning("can't tell systemd %s at %s: %s", lines[0], self._address, error)


def _status(text: str) -> str:
    return f"STATUS={' '.join(text.split())}"
