"""Serve folders of files beside the sockets, for a demo or a small page; a web server does more."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

__all__ = ["add_static"]


def add_static(app: web.Application, prefix: str, folder: Path) -> None:
    """Serve a folder's files under a URL path.

    Files only: folders aren't listed, links out of the folder aren't followed.

    Args:
        app: The application that serves them.
        prefix: URL path, with or without slashes at its ends.
        folder: Its ``index.html`` answers for the prefix itself.
    """
    path = "/" + prefix.strip("/")

    async def index(_request: web.Request) -> web.StreamResponse:
        return web.FileResponse(folder / "index.html")

    async def add_slash(_request: web.Request) -> web.StreamResponse:
        # With the slash, the page's relative links lead into the folder.
        raise web.HTTPMovedPermanently(f"{path}/")

    if path == "/":
        app.router.add_get("/", index)
    else:
        app.router.add_get(path, add_slash)
        app.router.add_get(f"{path}/", index)
    app.router.add_static(path, folder)
