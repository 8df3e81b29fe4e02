"""The program that `ServerProcess` runs: an echo server which tells what it holds."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from collections import Counter
from typing import Any

import uvloop
from aiohttp import web

import rtserver

KINDS = frozenset(
    {
        *("Session", "Handshake", "EngineWebSocket", "Polling", "Lane", "Timer"),
        *("Client", "Socket", "RoomName", "Task"),
    }
)
"""What exists for each client, by the names of its classes."""


class RoomName(str):
    """The name of a room, as an object that the garbage collector knows: a room that is kept keeps it."""


def build(options: dict[str, Any]) -> web.Application:
    sio = rtserver.Server(**options)
    reasons: Counter[str] = Counter()

    @sio.event
    async def connect(sid: str, environ: dict[str, Any], auth: Any) -> None:
        await sio.enter_room(sid, RoomName((auth or {}).get("room", "lobby")))

    @sio.event
    async def disconnect(sid: str, reason: str) -> None:
        reasons[reason] += 1

    @sio.event
    async def echo(sid: str, *args: Any) -> tuple[Any, ...]:
        return args

    async def emit(request: web.Request) -> web.Response:
        order = await request.json()
        keys, max_waiting = order["keys"], 0
        for number in range(order["count"]):
            chain = sio.to(order["to"])
            if order["volatile"]:
                chain = chain.volatile
            if keys:
                chain = chain.conflate(str(number % keys))
            await chain.emit("load", number, "x" * order["size"])
            waiting = max((each.buffered for each in sio.eio.sessions), default=0) + sio.counters.queued_bytes
            max_waiting = max(max_waiting, waiting)
            await asyncio.sleep(0)
        return web.json_response({"max_waiting": max_waiting})

    async def stats(request: web.Request) -> web.Response:
        gc.collect()
        alive = Counter(type(each).__name__ for each in gc.get_objects())
        return web.json_response(
            {
                "sessions": len(sio.eio.sessions),
                "buffered": sum(session.buffered for session in sio.eio.sessions),
                "queued": sio.counters.queued_bytes,
                "slow_clients": sio.eio.counters.slow_clients + sio.counters.slow_clients,
                "drops": sio.counters.drops,
                "bad_packets": sio.eio.counters.bad_packets,
                "reasons": reasons,
                "alive": {name: alive[name] for name in KINDS},
            }
        )

    app = web.Application()
    sio.attach(app, websocket_path="ws")
    app.router.add_get("/stats", stats)
    app.router.add_post("/emit", emit)
    return app


async def main() -> None:
    runner = web.AppRunner(build(json.loads(sys.argv[1])), access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    uvloop.run(main())
