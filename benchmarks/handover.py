"""What it costs when polling requests come to a worker that doesn't have their session.

    python -m benchmarks.handover [WORKERS]

Echoes of 32 bytes, 40 clients. Each worker listens on a port of its own, so that this program decides where a
request comes to. Processor time is that of the workers, so it depends little on what else the machine does.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import random
import resource
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import uvloop
from aiohttp import web

from rtserver.cluster.workers.place import Place, create, discard
from rtserver.transport.engine_server import EngineServer

CLIENTS = 40
SECONDS = 4.0
WARM_UP = 0.5
PATH = "/engine.io/?EIO=4&transport=polling"
HEADERS = (
    "Host: 127.0.0.1\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: */*\r\n"
    "Accept-Encoding: gzip, deflate\r\nAccept-Language: en\r\nConnection: keep-alive\r\n"
)
WAYS = {
    "home": "every connection at the right worker",
    "moved": "every connection at the wrong worker, and kept",
    "mixed": "every request over any of 80 kept connections, as a proxy may send it",
    "fresh": "a new connection to any worker for every request",
}


class Echo:
    """The handler."""

    def connect(self, session: Any, /) -> None: ...

    def message(self, session: Any, data: str | bytes, /) -> None:
        session.send(data)

    def disconnect(self, session: Any, reason: str, /) -> None: ...

    def drain(self, session: Any, /) -> None: ...


def work(place: Place, parent: Connection) -> None:
    """Be a worker: tell the port, then at each question the processor time and the connections given away."""
    uvloop.run(_work(place, parent))


async def _work(place: Place, parent: Connection) -> None:
    engine = EngineServer(Echo())
    app = web.Application()
    engine.attach(app)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    assert runner.server is not None
    factory = engine.lane(runner.server)
    engine.join(place, factory)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(factory, "127.0.0.1", 0)
    parent.send(server.sockets[0].getsockname()[1])
    ended = loop.create_future()

    def answer() -> None:
        try:
            parent.recv()
        except EOFError:
            ended.set_result(None)
            loop.remove_reader(parent.fileno())
            return
        used = resource.getrusage(resource.RUSAGE_SELF)
        parent.send((used.ru_utime + used.ru_stime, engine.counters.connections_moved))

    loop.add_reader(parent.fileno(), answer)
    await ended
    server.close()
    await runner.cleanup()


class Client:
    """A connection for one request after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int) -> Client:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, request: bytes) -> bytes:
        self.writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        start = head.index(b"Content-Length: ") + 16
        return await self._reader.readexactly(int(head[start : head.index(b"\r\n", start)]))


def get(sid: str) -> bytes:
    return f"GET {PATH}{sid} HTTP/1.1\r\n{HEADERS}\r\n".encode()


def post(sid: str) -> bytes:
    return f"POST {PATH}{sid} HTTP/1.1\r\n{HEADERS}Content-Length: 33\r\n\r\n4{'x' * 32}".encode()


async def load(ports: list[int], way: str, seconds: float) -> int:
    """Let the clients echo; return the number of requests."""
    chance = random.Random(1)
    count = 0
    idle = [await Client.open(ports[number % len(ports)]) for number in range(2 * CLIENTS)]

    async def run(number: int) -> None:
        nonlocal count
        opening = await Client.open(ports[number % len(ports)])
        sid = "&sid=" + json.loads((await opening.ask(get("")))[1:])["sid"]
        opening.writer.close()
        kept = await Client.open(ports[(number + (way == "moved")) % len(ports)])
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for request in (post(sid), get(sid)):
                if way == "mixed":
                    client = idle.pop(chance.randrange(len(idle)))
                    await client.ask(request)
                    idle.append(client)
                elif way == "fresh":
                    client = await Client.open(chance.choice(ports))
                    await client.ask(request)
                    client.writer.close()
                else:
                    await kept.ask(request)
            count += 2
        kept.writer.close()

    await asyncio.gather(*map(run, range(CLIENTS)))
    for client in idle:
        client.writer.close()
    return count


def measure(ports: list[int], way: str, used: Callable[[], tuple[float, int]]) -> str:
    """Return a line of the result."""
    uvloop.run(load(ports, way, WARM_UP))
    before, start = used(), time.monotonic()
    count = uvloop.run(load(ports, way, SECONDS))
    seconds, after = time.monotonic() - start, used()
    processor = (after[0] - before[0]) / count * 1e6
    moved = (after[1] - before[1]) / count
    return f"{WAYS[way]:<70} {processor:6.1f} us, {count / seconds:7,.0f}/s, {moved:4.2f} moved per request"


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    folder: Path = create()
    context = multiprocessing.get_context("spawn")
    workers = []
    for _ in range(number):
        ours, theirs = context.Pipe()
        process = context.Process(target=work, args=(Place.new(folder), theirs), daemon=True)
        process.start()
        theirs.close()
        workers.append((process, ours))
    ports = [pipe.recv() for _, pipe in workers]

    def used() -> tuple[float, int]:
        for _, pipe in workers:
            pipe.send(None)
        answers = [pipe.recv() for _, pipe in workers]
        return sum(answer[0] for answer in answers), sum(answer[1] for answer in answers)

    try:
        for way in WAYS:
            print(measure(ports, way, used), flush=True)
    finally:
        for process, pipe in workers:
            pipe.close()
            process.join()
        discard(folder)


if __name__ == "__main__":
    main()
