"""A server in a process of its own, joined to others by the bus between workers."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import socketio
import uvloop
from aiohttp import web

import rtserver
from rtserver.cluster.clustered import ClusterManager
from rtserver.cluster.workers.bus import WorkerBus
from rtserver.cluster.workers.place import Place

__all__ = ["JoinedServer"]

ROOT = Path(__file__).resolve().parents[3]
MAX_BUFFER = 2_000_000


class JoinedServer:
    """One of these processes.

    Args:
        directory: Where they meet.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._clients: list[socketio.AsyncClient] = []
        self.process: asyncio.subprocess.Process
        self.url = ""
        self.name = ""

    async def start(self) -> JoinedServer:
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", "-m", "tests.e2e.harness.joined_server", str(self._directory)),
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        assert self.process.stdout is not None
        async with asyncio.timeout(20):
            self.name, port = (await self.process.stdout.readline()).decode().split()
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def client(self, *rooms: str) -> socketio.AsyncClient:
        """Return a client of this server."""
        client = socketio.AsyncClient(reconnection=False)
        self._clients.append(client)
        await client.connect(self.url, auth={"rooms": rooms}, transports=["websocket"])
        return client

    async def close(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        for client in self._clients:
            await client.disconnect()


def build(place: Place) -> tuple[rtserver.Server, WorkerBus]:
    bus = WorkerBus(place, MAX_BUFFER)
    sio = rtserver.Server(client_manager=ClusterManager(bus), cors_allowed_origins="*")

    @sio.event
    async def connect(sid: str, environ: dict[str, Any], auth: dict[str, Any] | None) -> None:
        for room in (auth or {}).get("rooms", ()):
            await sio.enter_room(sid, room)

    @sio.event
    async def shout(sid: str, room: str | None, *data: Any) -> None:
        await sio.emit("shouted", data, room=room)

    @sio.event
    async def who(sid: str) -> dict[str, Any]:
        start = time.monotonic()
        sockets = await sio.timeout(60).fetch_sockets()
        return {"count": len(sockets), "silent": sockets.silent, "seconds": time.monotonic() - start}

    @sio.event
    async def status(sid: str) -> dict[str, Any]:
        status = bus.status()
        return {"peers": status.peers, "lost": status.links_lost, "bytes_dropped": status.bytes_dropped}

    return sio, bus


async def main() -> None:
    place = Place.new(Path(sys.argv[1]))
    app = web.Application()
    build(place)[0].attach(app)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(place.name, runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
