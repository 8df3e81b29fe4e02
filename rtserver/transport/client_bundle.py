"""The official browser client, served beside the endpoint: ``/socket.io/socket.io.js`` and its variants.

The reference server has these files in its package. Ours has not: they are read from where npm has
installed ``socket.io-client``. Only the names that the reference server knows are served.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple

from aiohttp import web

from rtserver.errors import EngineRequestError, StartError
from rtserver.transport.answers import choose_encoding
from rtserver.transport.exchange import HeaderPairs
from rtserver.transport.http import HttpExchange
from rtserver.transport.origins import OriginPolicy

__all__ = ["BUNDLES", "ClientBundle"]

BUNDLES: Final = ("socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js")
"""The scripts; each has a source map, which has ``.map`` behind its name."""
DISTRIBUTION: Final = Path("node_modules", "socket.io-client", "dist")


class _File(NamedTuple):
    body: bytes
    compressed: bytes
    headers: HeaderPairs
    tag: str


class ClientBundle:
    """The files, in memory.

    Args:
        source: True to look for them where npm puts them, in the working directory or a folder above it; or
            their folder.
        origins: Which pages of other origins may read them.

    Raises:
        StartError: They aren't there, or can't be read.
    """

    def __init__(self, source: Literal[True] | str | os.PathLike[str], origins: OriginPolicy) -> None:
        self._origins = origins
        self._files = _read(_find() if source is True else _given(Path(os.fspath(source))))

    def attach(self, app: web.Application, path: str) -> None:
        """Serve the files from inside an application.

        Args:
            app: The application.
            path: The path of the endpoint.
        """
        for name in self._files:
            app.router.add_get(f"{path.rstrip('/')}/{name}", self._serve)

    async def _serve(self, request: web.Request) -> web.Response:
        file = self._files[request.path.rpartition("/")[2]]
        headers = [*file.headers, *self._cors(request)]
        if _knows(request, file.tag):
            return web.Response(status=304, headers=headers)
        body = file.body
        if choose_encoding(request.headers, ("gzip",)) is not None:
            body = file.compressed
            headers.append(("Content-Encoding", "gzip"))
        return web.Response(headers=headers, body=body)

    def _cors(self, request: web.Request) -> HeaderPairs:
        """Let pages of allowed origins read the file, which is what ``import`` does. Any may run it."""
        exchange = HttpExchange(request)
        try:
            headers = self._origins.check(exchange, lambda: exchange.handshake().environ())
        except EngineRequestError:
            return ()
        return tuple([(name, value) for name, value in headers if name != "Vary"])


def _find() -> Path:
    here = Path.cwd()
    for folder in (here, *here.parents):
        if _is_distribution(folder / DISTRIBUTION):
            return folder / DISTRIBUTION
    raise StartError(
        f"serve_client: no {DISTRIBUTION} in {here} or a folder above it;"
        " run `npm install socket.io-client` there, or give serve_client the path of that folder"
    )


def _given(folder: Path) -> Path:
    if not _is_distribution(folder):
        raise StartError(
            f"serve_client: none of {', '.join(BUNDLES)} in {folder.absolute()};"
            f" run `npm install socket.io-client`, and give serve_client the path of {DISTRIBUTION}"
        )
    return folder


def _is_distribution(folder: Path) -> bool:
    return any((folder / name).is_file() for name in BUNDLES)


def _read(folder: Path) -> Mapping[str, _File]:
    files = {}
    for name in (each + suffix for each in BUNDLES for suffix in ("", ".map")):
        path = folder / name
        try:
            if path.is_file():
                files[name] = _file(name, path.read_bytes())
        except OSError as error:
            raise StartError(f"serve_client: {path} can't be read: {error.strerror}") from None
    return files


def _file(name: str, body: bytes) -> _File:
    # Weak, because it stands for the file compressed or not (RFC 9110, 8.8.3.3).
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    kind = "json" if name.endswith(".map") else "javascript"
    headers = (
        ("Content-Type", f"application/{kind}; charset=utf-8"),
        ("Cache-Control", "public, max-age=0"),
        ("ETag", f"W/{tag}"),
        ("Vary", "Accept-Encoding, Origin"),
    )
    return _File(body, gzip.compress(body, 9, mtime=0), headers, tag)


def _knows(request: web.Request, tag: str) -> bool:
    """Tell whether the client has the file already (RFC 9110, 13.1.2)."""
    condition = ",".join(request.headers.getall("If-None-Match", ()))
    return condition.strip() == "*" or tag in re.findall(r'"[^"]*"', condition)
