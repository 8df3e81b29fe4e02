"""What a server offers beside python-socketio's interface."""

from __future__ import annotations

from rtserver.server.interface.backend import Backend
from rtserver.server.interface.namespace import ServerNamespace
from rtserver.server.interface.operator import BroadcastOperator, Chain
from rtserver.server.interface.socket import Socket
from rtserver.server.registration import MAIN

__all__ = ["NodeInterface"]


class NodeInterface(Chain):
    """The methods of a server that Node's server has, and python-socketio's has not.

    A chain that begins with the server means the main namespace.
    """

    _backend: Backend

    def of(self, name: str) -> ServerNamespace:
        """Return a namespace, for its chains.

        Args:
            name: Its name, with the slash.

        Raises:
            ValueError: There is no slash.
        """
        if not name.startswith("/"):
            raise ValueError(f"received {name!r} as a namespace, expected a name that begins with a slash")
        return ServerNamespace(self._backend, name)

    def socket(self, sid: str, namespace: str | None = None) -> Socket:
        """Return a client of this server.

        Args:
            sid: Its session id.
            namespace: The namespace, the main one if omitted.

        Raises:
            KeyError: It isn't connected to that namespace here.
        """
        return Socket(self._backend, self._backend.hub.connected(namespace or MAIN, sid))

    def _operator(self) -> BroadcastOperator:
        return BroadcastOperator(self._backend, MAIN)
