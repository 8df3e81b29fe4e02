"""Lines typed into a terminal, read by the event loop."""

import asyncio
import os
from collections.abc import AsyncIterator

__all__ = ["typed_lines"]

CHUNK = 65_536


async def typed_lines(descriptor: int) -> AsyncIterator[str]:
    """Read lines from a terminal, a pipe or a file, without a thread and without changing its mode."""
    rest = b""
    while chunk := await _read(descriptor):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace")
    if rest:
        yield rest.decode(errors="replace")


async def _read(descriptor: int) -> bytes:
    """Read what there is, as soon as there is something; nothing at the end."""
    loop = asyncio.get_running_loop()
    chunk: asyncio.Future[bytes] = loop.create_future()

    def read() -> None:
        loop.remove_reader(descriptor)
        chunk.set_result(os.read(descriptor, CHUNK))

    try:
        loop.add_reader(descriptor, read)
    except OSError:  # a regular file can't be waited for, and doesn't block
        return os.read(descriptor, CHUNK)
    try:
        return await chunk
    finally:
        loop.remove_reader(descriptor)
