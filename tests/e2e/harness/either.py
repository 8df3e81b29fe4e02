"""One application on Node's official server and on ours, and the same clients on both.

An application is written twice, as small as can be: for Node.js in a file of `node/servers/`, and in Python.

    // node/servers/greeting.js
    module.exports = (io, tell) => {
      io.on("connection", (socket) => {
        tell("connect");
        socket.on("hello", (name, answer) => answer(`Hello, ${name}`));
      });
      return { news: (text) => io.emit("news", text) };
    };

    def greeting(sio: Server, tell: Tell) -> Commands:
        @sio.event
        async def connect(sid: str, environ: Any) -> None:
            tell("connect")

        @sio.event
        async def hello(sid: str, name: str) -> str:
            return f"Hello, {name}"

        async def news(text: str) -> None:
            await sio.emit("news", text)

        return {"news": news}

    GREETING = Application("greeting.js", greeting)

What happened on the server goes to `tell` (to `server.log` in the test); what the test asks of the server is
a command. There are two ways to test with it. With the fixture `either_server` a test runs twice, and what it
asserts must be true of both servers:

    async def test_news_reach_everyone(either_server: ServeEither, node: Node) -> None:
        server = await either_server(GREETING)
        client = await node.connect(server.url)
        await server.do("news", "rain")
        assert await client.next("news") == ["rain"]

With the fixture `compare` a scenario says what clients do, and asserts nothing. What everyone saw, in the
order in which they saw it, must be the same on both. Client ids are replaced by the numbers of the clients.
The scenario has to wait for what it wants compared: nothing that arrives after its end is seen.

    async def greetings(server: Either, clients: Clients) -> None:
        one, two = await clients.connect(), await clients.connect()
        clients.note("answer", *await one.call("hello", "Ada"))
        await server.do("news", "rain")
        await one.next("news")
        await two.next("news")

    async def test_greetings(compare: Compare) -> None:
        seen = await compare(GREETING, greetings)
        assert seen.notes == [("answer", ["Hello, Ada"])]  # so that it isn't equal because both are empty
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from rtserver import Server

from .channel import Channel, NodeProcess
from .events import EventLog
from .node import Node, Transport
from .server import Host, Hosting, make_server
from .transcript import Clients, Transcript
from .values import pack

__all__ = [
    "KINDS_OF_SERVER",
    "Application",
    "Commands",
    "Compare",
    "Either",
    "NodeServer",
    "OurServer",
    "ServeEither",
    "Servers",
    "Tell",
]

KINDS_OF_SERVER = ("node", "rtserver")


class Tell(Protocol):
    """Note that something happened on the server."""

    def __call__(self, event: str, /, *args: Any) -> None: ...


Commands = Mapping[str, Callable[..., Awaitable[Any]]]
"""What a test can ask of the application, by name."""


@dataclass(frozen=True)
class Application:
    """One application, written for both servers.

    Args:
        javascript: A file of `node/servers/`.
        python: The same in Python.
        node_options: Options of Node's server, by its names; `parser` is the name of a module, and `adapter`
            what `node/adapters.js` takes.
        options: The same for ours.
    """

    javascript: str
    python: Callable[[Server, Tell], Commands | None]
    node_options: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


class Either(Protocol):
    """A running server of either kind.

    Attributes:
        kind: ``"node"`` or ``"rtserver"``, where the two differ by intent.
        url: Where clients connect.
        log: What the application has told.
    """

    kind: str
    url: str
    log: EventLog

    async def do(self, command: str, *args: Any) -> Any:
        """Let the application carry out one of its commands, and return what that returned."""


ServeEither = Callable[[Application], Awaitable[Either]]
"""What the fixture `either_server` is: start this application. The server stops with the test."""

Scenario = Callable[[Either, Clients], Awaitable[None]]

Compare = Callable[..., Awaitable[Transcript]]
"""What the fixture `compare` is: `Servers.compare` without its first argument."""


class NodeServer:
    """Node's server, in a process of its own.

    Args:
        javascript: A file of `node/servers/`.
        options: As in `Application`.
    """

    kind = "node"

    def __init__(self, javascript: str, options: Mapping[str, Any]) -> None:
        self._process = NodeProcess("server.js", javascript, json.dumps(dict(options)))
        self._channel = Channel(self._process)
        self._listening = self._channel.log("server")
        self.log = EventLog("Node's server")
        self.url = ""

    async def start(self) -> None:
        """Wait until it listens."""
        (port,) = await self._listening.next("listening")
        self.log = self._channel.log("server")
        self.url = f"http://127.0.0.1:{port}"

    async def do(self, command: str, *args: Any) -> Any:
        return await self._channel.do("run", name=command, args=pack(args))

    def stop(self) -> None:
        self._channel.close()
        self._process.stop()


class OurServer:
    """Our server, in the test's process."""

    kind = "rtserver"

    def __init__(self, application: Application) -> None:
        self.sio = make_server(**application.options)
        self.log = EventLog("our server")
        self.url = ""
        self._commands = application.python(self.sio, self.log.add) or {}

    def listening(self, host: Host) -> None:
        self.url = host.url

    async def do(self, command: str, *args: Any) -> Any:
        async with asyncio.timeout(20):
            return await self._commands[command](*args)


class Servers:
    """Starts servers of both kinds for one test and stops them at its end.

    Args:
        hosting: Where ours are hosted, and stopped.
    """

    def __init__(self, hosting: Hosting) -> None:
        self._hosting = hosting
        self._processes: list[NodeServer] = []

    async def start(self, kind: str, application: Application) -> Either:
        """Start an application on the server of this kind."""
        if kind == "node":
            return await self.node(application.javascript, application.node_options)
        server = OurServer(application)
        server.listening(await self._hosting.server(server.sio))
        return server

    async def node(self, javascript: str, options: Mapping[str, Any]) -> NodeServer:
        """Start an application that is written for Node's server only."""
        server = NodeServer(javascript, options)
        self._processes.append(server)
        await server.start()
        return server

    async def compare(
        self,
        node: Node,
        application: Application,
        scenario: Scenario,
        transport: Transport = Transport.WEBSOCKET,
        **client_options: Any,
    ) -> Transcript:
        """Run a scenario on both kinds, check that the same was seen, and return it.

        Args:
            node: The driver of the clients.
            application: What runs on the servers.
            scenario: What the clients do.
            transport: The transport of clients for which the scenario names none.
            client_options: Options of the clients' `Manager`.
        """
        seen = []
        for kind in KINDS_OF_SERVER:
            server = await self.start(kind, application)
            clients = Clients(node, server.url, transport, **client_options)
            await scenario(server, clients)
            seen.append(clients.transcript(server.log))
            await clients.disconnect()
        expected, ours = seen
        # One by one, for a message that shows what differs.
        assert ours.notes == expected.notes
        assert ours.clients == expected.clients
        assert ours.server == expected.server
        return ours

    def stop(self) -> None:
        """Stop Node's servers, each by its process id."""
        for server in self._processes:
            server.stop()
