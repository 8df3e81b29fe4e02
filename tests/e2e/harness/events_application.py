"""An application of both servers for whatever is compared between them: `node/servers/events.js`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from socketio.exceptions import ConnectionRefusedError as Refused
from socketio.exceptions import TimeoutError as AckTimeout

from rtserver import Server

from .either import Application, Commands, Tell

__all__ = ["events"]

REASONS = {
    "client disconnect": "client namespace disconnect",
    "server disconnect": "server namespace disconnect",
}
"""What Node's server calls our reasons. The others have the same name on both."""


def events(node_options: Mapping[str, Any] | None = None, **options: Any) -> Application:
    """Return the application, with options for either server."""
    return Application("events.js", _application, node_options or {}, options)


def _application(sio: Server, tell: Tell) -> Commands:
    for name in ("/", "/chat"):
        _serve(sio, tell, name)

    async def emit(name: str, to: list[str], but: list[str], event: str, *args: Any) -> None:
        chain = sio.of(name).except_(*but)
        await (chain.to(*to) if to else chain).emit(event, *args)

    async def ask(name: str, sid: str, event: str, *args: Any) -> Any:
        return await sio.call(event, args, to=sid, namespace=name)

    async def ask_briefly(name: str, sid: str, event: str) -> None:
        try:
            await sio.call(event, to=sid, namespace=name, timeout=0.05)
        except AckTimeout:
            tell("failed", "operation has timed out")

    async def disconnect(name: str, sid: str, close: bool) -> None:
        await sio.socket(sid, name).disconnect(close)

    return {"emit": emit, "ask": ask, "askBriefly": ask_briefly, "disconnect": disconnect}


def _serve(sio: Server, tell: Tell, name: str) -> None:
    async def connect(sid: str, environ: Any, auth: Any) -> None:
        auth = auth or {}
        if "refuse" in auth:
            raise Refused(auth["refuse"], *([auth["data"]] if "data" in auth else []))
        tell("connect", name, sid, auth)

    async def disconnect(sid: str, reason: str) -> None:
        tell("disconnect", name, sid, REASONS.get(reason, reason))

    async def echo(sid: str, *args: Any) -> tuple[Any, ...]:
        return args

    async def note(sid: str, *args: Any) -> None:
        tell("note", *args)

    async def join(sid: str, room: str) -> None:
        await sio.enter_room(sid, room, namespace=name)

    async def leave(sid: str, room: str) -> None:
        await sio.leave_room(sid, room, namespace=name)

    async def shout(sid: str, room: str | None, text: str) -> None:
        await sio.emit("shouted", text, to=room, skip_sid=sid, namespace=name)

    for handler in (connect, disconnect, echo, note, join, leave, shout):
        sio.on(handler.__name__, handler, namespace=name)
