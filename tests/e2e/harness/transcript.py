"""What the clients and the server of a scenario saw, in a form that can be compared with another run's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .events import EventLog
from .node import Node, NodeSocket, Transport

__all__ = ["Clients", "Transcript", "renamed"]

History = list[tuple[str, list[Any]]]


@dataclass(frozen=True)
class Transcript:
    """What was seen, client ids replaced by the clients' numbers.

    Args:
        server: What the application told, in order.
        clients: What each client saw, in order.
        notes: What the scenario noted.
    """

    server: History
    clients: list[History]
    notes: History


class Clients:
    """Connects the clients of one server and keeps them in order.

    Args:
        node: The driver that they run in.
        url: The server.
        transport: The transport of clients for which none is named.
        options: Options of every `Manager`.
    """

    def __init__(
        self, node: Node, url: str, transport: Transport = Transport.WEBSOCKET, **options: Any
    ) -> None:
        self._node = node
        self._url = url
        self._transport = transport
        self._options = {"reconnection": False} | options
        self._notes = EventLog("the scenario")
        self.all: list[NodeSocket] = []

    async def open(
        self,
        namespace: str = "/",
        auth: Any = None,
        *,
        kind: str = "4",
        transport: Transport | None = None,
        beside: NodeSocket | None = None,
        **options: Any,
    ) -> NodeSocket:
        """Begin to connect, whatever comes of it.

        Args:
            namespace: The namespace.
            auth: What the client sends of itself.
            kind: The version of the client.
            transport: Its transport, if not the one of all.
            beside: A client of another namespace, whose connection it shares.
            options: Options of the `Manager`.
        """
        options = self._options | options
        manager = (
            await self._node.manager(
                self._url, kind, transports=(transport or self._transport).names, **options
            )
            if beside is None
            else beside.manager
        )
        socket = await manager.socket(namespace, auth)
        self.all.append(socket)
        return socket

    async def connect(self, namespace: str = "/", auth: Any = None, **how: Any) -> NodeSocket:
        """Connect; the parameters are those of `open`."""
        socket = await self.open(namespace, auth, **how)
        await socket.connected()
        return socket

    def note(self, event: str, *args: Any) -> None:
        """Add something to what is compared."""
        self._notes.add(event, *args)

    def transcript(self, server: EventLog) -> Transcript:
        """Return what everyone has seen until now."""
        names = {
            sid: f"client {number}"
            for number, client in enumerate(self.all)
            for (sid,) in client.log.all("connect")
        }
        return Transcript(
            renamed(server.history, names),
            [renamed(client.log.history, names) for client in self.all],
            renamed(self._notes.history, names),
        )

    async def disconnect(self) -> None:
        """Disconnect all of them."""
        for client in self.all:
            await client.disconnect()


def renamed(value: Any, names: dict[str, str]) -> Any:
    """Copy a value with every string that is a key of `names` replaced."""
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, list | tuple):
        return type(value)(renamed(each, names) for each in value)
    if isinstance(value, dict):
        return {key: renamed(each, names) for key, each in value.items()}
    return value
