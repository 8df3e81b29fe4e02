"""A namespace as applications see it: what `Server.of` returns."""

from __future__ import annotations

from rtserver.server.delivery.slow_clients import Action, SlowClientPolicy, policies
from rtserver.server.hub import Hub
from rtserver.server.interface.backend import Backend
from rtserver.server.interface.operator import BroadcastOperator, EmittingChain
from rtserver.server.interface.scope import HandlerScope
from rtserver.server.interface.server_side import ServerSide
from rtserver.server.interface.socket import Socket

__all__ = ["ServerNamespace"]


class ServerNamespace(EmittingChain, ServerSide, HandlerScope):
    """One namespace of a server: a chain that means all its clients, and a place to register handlers.

    python-socketio's `AsyncNamespace`, a class of event handlers, is something else.

    Args:
        backend: The server.
        name: The namespace's name, with the slash.
    """

    __slots__ = ("_backend", "name")

    def __init__(self, backend: Backend, name: str) -> None:
        self._backend = backend
        self.name = name

    def __repr__(self) -> str:
        """Return its name."""
        return f"<ServerNamespace {self.name}>"

    def socket(self, sid: str) -> Socket:
        """Return a client of this server.

        Raises:
            KeyError: It isn't connected here.
        """
        return Socket(self._backend, self._backend.hub.connected(self.name, sid))

    def slow_clients(self, policy: Action | SlowClientPolicy) -> None:
        """Choose what is done with this namespace's events while a client is slow, before clients join.

        Args:
            policy: ``"disconnect"``, ``"drop_oldest_volatile"``, ``"conflate"`` or a `SlowClientPolicy`.

        Raises:
            ValueError: There is no such policy.
            RuntimeError: Clients have joined the namespace.
        """
        self._backend.hub.set_slow_clients(self.name, policies({self.name: policy})[self.name])

    def _operator(self) -> BroadcastOperator:
        return BroadcastOperator(self.name, backend=self._backend)

    def _handlers_of(self) -> tuple[Hub, str]:
        return self._backend.hub, self.name
