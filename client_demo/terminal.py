"""Lines typed into a terminal, read by the event loop."""

import asyncio
import os
from collections.abc import AsyncIterator

__all__ = ["typed_lines"]


async def typed_lines(descriptor: int) -> AsyncIterator[str]:
    """Read lines from a terminal, a pipe or a file, without a thread and without changing its mode."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    try:
        loop.add_reader(descriptor, readable.set)
    except (PermissionError, OSError):  # a regular file: it can't be waited for, and never blocks
        readable.set()
        is_watched = False
    else:
        is_watched = True
    rest = b""
    try:
        while True:
            await readable.wait()
            if is_watched:
                readable.clear()
            chunk = os.read(descriptor, 65_536)
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line.decode(errors="replace")
            if not chunk:
                if rest:
                    yield rest.decode(errors="replace")
                return
    finally:
        if is_watched:
            loop.remove_reader(descriptor)
