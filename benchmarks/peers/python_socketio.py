"""The peer python-socketio: its server on aiohttp and uvloop, as its documentation says to start it."""

from __future__ import annotations

import os

import socketio
import uvloop
from aiohttp import web

redis = os.environ.get("REDIS_URL")
sio = socketio.AsyncServer(
    async_mode="aiohttp",
    ping_interval=float(os.environ["PING_INTERVAL"]),
    client_manager=socketio.AsyncRedisManager(redis) if redis else None,
)


@sio.event  # type: ignore[untyped-decorator]
async def echo(sid: str, data: str) -> str:
    return data


@sio.event  # type: ignore[untyped-decorator]
async def fan(sid: str, data: str) -> None:
    await sio.emit("fan", data)


if __name__ == "__main__":
    app = web.Application()
    sio.attach(app)
    web.run_app(
        app,
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        access_log=None,
        print=None,
        backlog=1024,
        loop=uvloop.new_event_loop(),
    )
