"""`TestClient`: a client of a server in the same process, without a port."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from socketio.exceptions import TimeoutError as OutOfTime

from rtserver.engineio.handler import Handshake
from rtserver.host import Server
from rtserver.testing.connection import Connection
from rtserver.testing.session import MemorySession
from rtserver.testing.socket import TestSocket

__all__ = ["TestClient"]


class TestClient(TestSocket):
    """A client in memory, for tests of an application's handlers.

        async with TestClient(sio, auth={"token": "secret"}) as client:
            assert await client.call("add", (1, 2)) == 3

    It is what the official client is to the handlers: its events are encoded, checked and started as those of
    any client. There is no HTTP and no transport below it, so origins, cookies, heartbeats and compression
    are not looked at.

    Args:
        server: The server. Its `start` is called; it need not be attached to an application.
        auth: What the client sends of itself.
        namespace: The namespace that it connects to; more by its method `namespace`.
        headers: HTTP headers of the request that opens the connection.
        query: Parameters in that request's URL.
        address: The address and port that it seems to come from.
        secure: Whether it seems to come over TLS.
        timeout: Seconds to wait for anything, unless a call says otherwise.

    Raises:
        TypeError: The server isn't one of ours.
        ValueError: The namespace doesn't begin with a slash.
    """

    def __init__(
        self,
        server: Server,
        *,
        auth: Any = None,
        namespace: str = "/",
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        address: tuple[str, int] = ("127.0.0.1", 50000),
        secure: bool = False,
        timeout: float = 5,
    ) -> None:
        parameters = {"EIO": "4", "transport": "websocket", **(query or {})}
        target = f"/socket.io/?{urlencode(parameters)}"
        pairs = [
            (name.encode(), value.encode())
            for name, value in {"Host": "testserver", **(headers or {})}.items()
        ]

        def make_handshake() -> Handshake:
            return Handshake("GET", target, pairs, remote=address, secure=secure, time=time.time())

        self._sockets: dict[str, TestSocket] = {namespace: self}
        super().__init__(Connection(server, make_handshake, timeout), namespace, auth)

    def namespace(self, name: str, auth: Any = None) -> TestSocket:
        """Return another namespace of this client, over the same connection; `connect` it.

        Args:
            name: The namespace. The same object is returned every time.
            auth: What the client sends of itself there, the next time that it connects.

        Raises:
            ValueError: The name doesn't begin with a slash.
        """
        socket = self._sockets.get(name)
        if socket is None:
            socket = self._sockets[name] = TestSocket(self._connection, name, auth)
        elif auth is not None:
            socket.auth = auth
        return socket

    async def disconnect(self) -> None:
        """Leave every namespace, and close the connection. A no-op once it is closed.

        Raises:
            Exception: What a handler of the client has raised.
        """
        for socket in self._sockets.values():
            await TestSocket.disconnect(socket)

    def drop(self) -> None:
        """Lose the connection without a word, as a client does whose network is gone: no packet is sent.

        The server notices at once. ``disconnect`` handlers are told ``"transport close"``.
        """
        self._connection.drop()

    def stall(self) -> None:
        """Stop reading: what the server sends waits, and is counted.

        It is sent no volatile events, and disconnected as a slow client at the server's `max_buffer_size`.

        Raises:
            socketio.exceptions.DisconnectedError: The client isn't connected.
        """
        self._session().stall()

    def resume(self) -> None:
        """Read again, first what waits.

        Raises:
            socketio.exceptions.DisconnectedError: The client isn't connected.
        """
        self._session().resume()

    def _session(self) -> MemorySession:
        session = self._connection.session
        if session is None or not session.is_open:
            raise self._not_connected()
        return session

    @property
    def buffered(self) -> int:
        """Bytes that wait for this client since it has stalled."""
        session = self._connection.session
        return 0 if session is None else session.buffered

    async def settled(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - python-socketio's
        """Wait until nothing is under way: no handler of this client runs, and all that was sent has come.

        Handlers of other clients, and tasks that an application has started itself, are not waited for.

        Args:
            timeout: Seconds to wait; the client's own if None.

        Raises:
            socketio.exceptions.TimeoutError: A handler runs on. The message names it.
        """
        connection = self._connection
        connection.check()
        try:
            await connection.within(timeout, connection.settle(), lambda: "the handlers didn't end")
        except OutOfTime as error:
            raise OutOfTime(f"{error}: {', '.join(connection.busy())}") from None
        connection.check()
