"""Tells all admins, at whatever server of the cluster, what happens here."""

from __future__ import annotations

import asyncio
from typing import Any

from rtserver.server.interface.backend import Backend
from rtserver.server.membership import done
from rtserver.server.target import Target

__all__ = ["Reports"]


class Reports:
    """Sends events to the admin namespace.

    Args:
        backend: The server.
        namespace: The name of the admin namespace.
    """

    __slots__ = ("_admins", "_backend")

    def __init__(self, backend: Backend, namespace: str) -> None:
        self._backend = backend
        self._admins = Target(namespace, ())

    @property
    def wanted(self) -> bool:
        """Whether there may be an admin who sees them: for nobody they needn't be made."""
        return not self._backend.manager.alone or self._admins.namespace in self._backend.hub.namespaces

    def send(self, event: str, *args: Any) -> None:
        """Send an event with these arguments, which is encoded before this returns."""
        waiting = self._backend.manager.emit(self._admins, [event, *args])
        if waiting is not None:
            self._backend.hub.runtime().keep(asyncio.ensure_future(done(waiting)))
