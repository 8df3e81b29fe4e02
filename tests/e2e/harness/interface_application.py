"""An application that offers chains, whole, to whatever is compared: `node/servers/interface.js`."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import Any

import socketio

from rtserver import Answers, EventRefused, RemoteSocket, Server, Socket

from .either import Application, Commands, Tell

__all__ = ["INTERFACE", "Steps", "follow"]

Steps = list[list[Any]]
"""A chain taken apart: the name and the arguments of each method."""


def described(socket: Socket | RemoteSocket) -> dict[str, Any]:
    handshake = socket.handshake
    return {
        "data": socket.data,
        "rooms": sorted(socket.rooms - {socket.id}),
        "in_its_own": socket.id in socket.rooms,
        "headers": sorted(handshake.headers),
        "url": handshake.url.partition("&t=")[0],
        "query": {name: value for name, value in handshake.query.items() if name != "t"},
        "auth": handshake.auth,
        "secure": handshake.secure,
        "xdomain": handshake.xdomain,
        "dated": abs(handshake.issued - time.time() * 1000) < 60_000,
    }


def watch(socket: Socket, tell: Tell) -> None:
    socket.on_any(lambda event, *args: tell("any", event, args[0]))
    socket.prepend_any(lambda event, *args: tell("first", event))
    socket.on_any_outgoing(lambda event, *args: tell("outgoing", event, *args))

    @socket.use
    async def guard(event: str, args: list[Any]) -> None:
        if event == "forbidden":
            raise EventRefused
        args[0] += "!"

    @socket.on("forbidden")
    async def forbidden(text: str) -> None:
        tell("forbidden")

    @socket.on("shout")
    async def shout(text: str) -> str:
        tell("shout", text)
        return text


def hello(tell: Tell, namespace: str, *args: Any) -> list[Any]:
    tell("hello", namespace, *args)
    return ["rtserver", *args]


async def follow(start: Any, steps: Steps) -> Any:
    """Take the steps from `start` on, and return what the last one returns."""
    value = start
    for name, *args in steps:
        value = getattr(value, name)
        if callable(value):
            value = value(*args)
    return await value


def interface(sio: Server, tell: Tell) -> Commands:
    sockets: dict[str, Socket] = {}

    @sio.on("connect", namespace="*")
    async def connect(namespace: str, sid: str, environ: Any, auth: Any) -> None:
        socket = sockets[auth["name"]] = sio.socket(sid, namespace)
        socket.data["name"] = auth["name"]
        await socket.join(auth.get("rooms", []))
        tell("connect", auth["name"])
        if auth["name"] == "watched":
            watch(socket, tell)

    for name in ("/", "/chat"):
        sio.of(name).on_server_event("hello", partial(hello, tell, name))

    async def run(origin: str, steps: Steps) -> Any:
        start = sockets[origin[1:]] if origin.startswith("@") else sio.of(origin)
        try:
            result = await follow(start, steps)
        except socketio.exceptions.TimeoutError:
            return {"late": True, "answers": None}
        if isinstance(result, Answers):
            return {"late": not result.complete, "answers": sorted(result, key=repr)}
        if steps[-1][0] == "emit_with_ack":
            return {"late": False, "answers": result}
        return sorted(map(described, result), key=json.dumps) if steps[-1][0] == "fetch_sockets" else None

    async def remote(origin: str, sid: str, steps: Steps) -> None:
        (socket,) = await sio.of(origin).in_(sid).fetch_sockets()
        await follow(socket, steps)

    return {"run": run, "remote": remote}


INTERFACE = Application("interface.js", interface, options={"namespaces": ["/", "/chat"]})
