"""A server with a declared namespace, and clients in the same process whose claims are what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rtserver.host import Server
from rtserver.server.interface.socket import Socket
from rtserver.service.namespaces.claims import CLAIMS
from rtserver.service.namespaces.declaration import Declaration, Event
from rtserver.service.namespaces.namespace import DeclaredNamespace
from rtserver.service.namespaces.pattern import RoomPattern, parse_pattern
from rtserver.service.namespaces.target import EventBackend
from rtserver.testing.client import TestClient

NAME = "/chat"
OK = {"ok": True}


def patterns(*texts: str) -> tuple[RoomPattern, ...]:
    return tuple(map(parse_pattern, texts))


def events(*declared: Event) -> dict[str, Event]:
    return {event.name: event for event in declared}


class Chat:
    """The server."""

    def __init__(self, backend: EventBackend | None = None, /, **declared: Any) -> None:
        self.sio = Server(namespaces=[], **declared.pop("server", {}))
        self.sio.use(self._claim, namespace=NAME)
        self.namespace = DeclaredNamespace(self.sio, Declaration(NAME, **declared), backend)
        self.namespace.install()
        self.clients: list[TestClient] = []

    async def connect(self, **claims: Any) -> TestClient:
        client = TestClient(self.sio, namespace=NAME, auth=claims)
        self.clients.append(client)
        await client.connect()
        return client

    def rooms(self, client: TestClient) -> set[str]:
        """Return the rooms of a client, without its own."""
        return set(self.sio.rooms(self.sid(client), NAME)) - {self.sid(client)}

    def sid(self, client: TestClient) -> str:
        assert client.sid is not None
        return client.sid

    async def renew(self, client: TestClient, **claims: Any) -> None:
        """Give a client new claims, as a new token does."""
        socket = self.sio.socket(self.sid(client), NAME)
        socket.data[CLAIMS] = claims
        await self.namespace.renew(socket)

    async def _claim(self, socket: Socket) -> None:
        auth = socket.handshake.auth
        assert isinstance(auth, Mapping)
        socket.data[CLAIMS] = dict(auth)


@dataclass
class Given:
    """What a backend says of a client."""

    claims: dict[str, Any] = field(default_factory=dict)
    rooms: Sequence[str] = ()
    emits: Sequence[Any] = ()


class FakeBackend:
    """A backend that lets everyone in and answers every event with itself."""

    def __init__(self, given: Given | None = None, refusal: Exception | None = None) -> None:
        self.given = given or Given()
        self.refusal = refusal

    async def connect(self, socket: Socket) -> Given:
        if self.refusal is not None:
            raise self.refusal
        return self.given

    async def event(self, socket: Socket, event: str, args: Sequence[Any]) -> tuple[Any, ...]:
        return event, *args

    async def emit(self, socket: Socket, emits: Sequence[Any]) -> None:
        for each in emits:
            await socket.emit(each)
