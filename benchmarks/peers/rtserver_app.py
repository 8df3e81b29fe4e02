"""The application of our own peer: what every peer's application does."""

from __future__ import annotations

import rtserver


def setup(server: rtserver.Server) -> None:
    @server.event
    async def echo(sid: str, data: str) -> str:
        return data

    @server.event
    async def fan(sid: str, data: str) -> None:
        await server.emit("fan", data)
