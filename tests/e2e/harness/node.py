"""The official JavaScript clients, in one Node.js process that `node/driver.js` runs."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import shutil
import signal
import subprocess
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Any

from .events import EventLog

__all__ = ["KINDS", "Node", "NodeManager", "NodeProcess", "NodeSocket", "Transport"]

HERE = Path(__file__).resolve().parent.parent
DRIVER = HERE / "node" / "driver.js"

KINDS = ("4", "4.0", "3.1")
"""The versions of socket.io-client: the newest 4.x, 4.0.0 and 3.1.3."""


class Transport(Enum):
    """The ways to a session."""

    POLLING = "polling"
    WEBSOCKET = "websocket"
    UPGRADE = "upgrade"

    @property
    def names(self) -> list[str]:
        """The client's `transports` option."""
        return ["polling", "websocket"] if self is Transport.UPGRADE else [self.value]

    @property
    def final(self) -> str:
        """The transport in use when the session has settled."""
        return "polling" if self is Transport.POLLING else "websocket"


def pack(value: Any) -> Any:
    """Write bytes the way the driver reads them."""
    if isinstance(value, bytes | bytearray | memoryview):
        return {"$binary": base64.b64encode(value).decode()}
    if isinstance(value, list | tuple):
        return [pack(entry) for entry in value]
    if isinstance(value, dict):
        return {key: pack(entry) for key, entry in value.items()}
    return value


def unpack(value: Any) -> Any:
    """Read what `pack` in the driver wrote."""
    if isinstance(value, list):
        return [unpack(entry) for entry in value]
    if isinstance(value, dict):
        if value.keys() == {"$binary"}:
            return base64.b64decode(value["$binary"])
        return {key: unpack(entry) for key, entry in value.items()}
    return value


class NodeProcess:
    """A running driver. It outlives event loops: each test attaches a `Node` of its own to it."""

    def __init__(self) -> None:
        node = shutil.which("node")
        if node is None or not (HERE / "node_modules" / "socket.io-client").is_dir():
            missing = "Node.js" if node is None else "tests/e2e/node_modules"
            raise RuntimeError(
                f"{missing} is missing: run the tests with `make test`, which installs what they need "
                "(`npm ci` in tests/e2e)"
            )
        self._process = subprocess.Popen(
            [node, str(DRIVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, cwd=HERE
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.stdin = self._process.stdin
        self.stdout = self._process.stdout
        # Neither side may wait for the other to read: the driver writes its lines synchronously.
        os.set_blocking(self.stdin.fileno(), False)
        os.set_blocking(self.stdout.fileno(), False)

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def freeze(self) -> None:
        """Stop the process from running at all: its clients go silent, their connections stay."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Undo `freeze`."""
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End this process, by its id."""
        self._process.kill()
        self._process.wait()
        self.stdin.close()
        self.stdout.close()


class Node:
    """A test's view of the driver: makes clients and reads what they saw."""

    def __init__(self, process: NodeProcess) -> None:
        self.process = process
        self._loop = asyncio.get_running_loop()
        self._ids = itertools.count(1)
        self._replies: dict[int, asyncio.Future[Any]] = {}
        self._logs: dict[str, EventLog] = {}
        self._partial = b""
        self._unwritten = bytearray()
        self._loop.add_reader(process.stdout.fileno(), self._read)

    def _read(self) -> None:
        try:
            data = os.read(self.process.stdout.fileno(), 1 << 20)
        except BlockingIOError:
            return
        if not data:
            self._loop.remove_reader(self.process.stdout.fileno())
            for future in self._replies.values():
                future.set_exception(RuntimeError("the Node.js driver has ended; its error is above"))
            return
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            self._handle(json.loads(line))

    def _handle(self, line: dict[str, Any]) -> None:
        if "reply" not in line:
            log = self._logs.get(line["from"])
            if log is not None:
                log.add(line["event"], *unpack(line["args"]))
            return
        future = self._replies.pop(line["reply"], None)
        if future is None or future.done():
            return
        if "error" in line:
            future.set_exception(RuntimeError(line["error"]))
        else:
            future.set_result(unpack(line["value"]))

    def send(self, command: str, **parameters: Any) -> asyncio.Future[Any]:
        """Give a command to the driver; the future has its reply."""
        number = next(self._ids)
        future = self._replies[number] = self._loop.create_future()
        line = json.dumps({"id": number, "command": command, **parameters})
        self._unwritten += line.encode() + b"\n"
        self._write()
        return future

    def _write(self) -> None:
        descriptor = self.process.stdin.fileno()
        with suppress(BlockingIOError):
            del self._unwritten[: os.write(descriptor, self._unwritten)]
        if self._unwritten:
            self._loop.add_writer(descriptor, self._write)
        else:
            self._loop.remove_writer(descriptor)

    async def do(self, command: str, patience: float = 20, **parameters: Any) -> Any:
        """Give a command to the driver and wait for its reply."""
        async with asyncio.timeout(patience):
            return await self.send(command, **parameters)

    def log(self, name: str) -> EventLog:
        """Begin a log of what the client of this name sees."""
        log = self._logs[name] = EventLog(name)
        return log

    async def manager(self, url: str, kind: str = "4", **options: Any) -> NodeManager:
        """Make a `Manager`: one Engine.IO connection, for any number of namespaces."""
        manager = NodeManager(self, f"manager {next(self._ids)} ({kind})")
        await self.do("manager", name=manager.name, kind=kind, url=url, options=options)
        return manager

    async def connect(
        self,
        url: str,
        kind: str = "4",
        transport: Transport = Transport.WEBSOCKET,
        *,
        namespace: str = "/",
        auth: Any = None,
        **options: Any,
    ) -> NodeSocket:
        """Connect a client, and wait until it is connected over the transport that was asked for."""
        options = {"reconnection": False} | options
        manager = await self.manager(url, kind, transports=transport.names, **options)
        socket = await manager.socket(namespace, auth)
        await socket.connected()
        if transport is Transport.UPGRADE:
            await manager.log.next("upgrade")
        return socket

    async def detach(self) -> None:
        """Disconnect every client and leave the driver to the next test."""
        try:
            await self.do("reset", patience=5)
        finally:
            self._loop.remove_reader(self.process.stdout.fileno())
            self._loop.remove_writer(self.process.stdin.fileno())


class NodeManager:
    """One `Manager` in the driver."""

    def __init__(self, node: Node, name: str) -> None:
        self.node = node
        self.name = name
        self.log = node.log(name)

    async def socket(self, namespace: str = "/", auth: Any = None) -> NodeSocket:
        """Make a `Socket` and let it connect; `connected` waits until it is."""
        socket = NodeSocket(self, namespace)
        await self.node.do(
            "socket", name=socket.name, manager=self.name, namespace=namespace, auth=pack(auth or {})
        )
        return socket

    async def close_engine(self) -> None:
        """Close the Engine.IO connection below every namespace."""
        await self.node.do("closeEngine", name=self.name)


class NodeSocket:
    """One `Socket`, of one namespace, in the driver."""

    def __init__(self, manager: NodeManager, namespace: str) -> None:
        self.manager = manager
        self.namespace = namespace
        self.node = manager.node
        self.name = f"{namespace} of {manager.name}"
        self.log = self.node.log(self.name)
        self.sid = ""

    async def next(self, event: str, patience: float = 10) -> list[Any]:
        """Wait for the next event of this name and return its arguments."""
        return await self.log.next(event, patience)

    async def connected(self) -> str:
        """Wait for the connection; returns the client id, which `sid` keeps."""
        (self.sid,) = await self.next("connect")
        return self.sid

    async def connect(self) -> None:
        """Connect again after a disconnect."""
        await self.node.do("connect", name=self.name)

    async def emit(self, event: str, *args: Any) -> None:
        """Emit an event."""
        await self.node.do("emit", name=self.name, event=event, args=pack(args))

    async def call(self, event: str, *args: Any, patience: float = 10) -> list[Any]:
        """Emit an event with an acknowledgement and return the acknowledgement's arguments."""
        try:
            answer: list[Any] = await self.node.do(
                "call", patience, name=self.name, event=event, args=pack(args)
            )
        except TimeoutError:
            seen = [name for name, _ in self.log.history[-10:] + self.manager.log.history[-10:]]
            raise AssertionError(
                f"{self.name}: no answer to {event!r}; the last events were {seen}"
            ) from None
        return answer

    async def emit_with_ack(self, event: str, *args: Any, timeout_ms: int) -> Any:
        """`socket.timeout(ms).emitWithAck(...)`; a time-out is a RuntimeError with the client's message."""
        return await self.node.do(
            "emitWithAck", name=self.name, event=event, args=pack(args), timeout=timeout_ms
        )

    async def answer(self, event: str, *args: Any) -> None:
        """Acknowledge an event with these arguments from now on, rather than with its own."""
        await self.node.do("answer", name=self.name, event=event, args=pack(args))

    async def never_answer(self, event: str) -> None:
        """Leave an event without acknowledgement from now on."""
        await self.node.do("answer", name=self.name, event=event, args=None)

    async def collect(self, event: str, count: int) -> None:
        """Keep the first argument of an event in the driver; `collected` waits for that many."""
        await self.node.do("collect", name=self.name, event=event, count=count)

    async def collected(self, patience: float = 30) -> list[Any]:
        """Wait until all that `collect` asked for has come, and return it in order of arrival."""
        values: list[Any] = await self.node.do("collected", patience, name=self.name)
        return values

    async def collected_so_far(self) -> list[Any]:
        """Return what has come to `collect` until now."""
        values: list[Any] = await self.node.do("collectedSoFar", name=self.name)
        return values

    async def stream(self, event: str, count: int, batch: int = 20) -> None:
        """Emit the numbers from 0 up, a few in each turn of the client's loop."""
        await self.node.do("stream", 30, name=self.name, event=event, count=count, batch=batch)

    async def disconnect(self) -> None:
        """Disconnect from this namespace."""
        await self.node.do("disconnect", name=self.name)

    async def state(self) -> dict[str, Any]:
        """Return the id, whether connected, and the transport in use."""
        state: dict[str, Any] = await self.node.do("state", name=self.name)
        return state
