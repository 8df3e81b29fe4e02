"""The pytest plugin: the fixture `rtserver_client`. Only pytest imports this module.

It works with pytest-asyncio in both of its modes, and with anyio's plugin on its asyncio backend.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

try:
    import pytest_asyncio
except ImportError:  # anyio's plugin takes pytest's own
    _fixture: Any = pytest.fixture
else:
    _fixture = pytest_asyncio.fixture

if TYPE_CHECKING:  # every run of pytest imports this module, also those of other projects
    from rtserver.host import Server
    from rtserver.testing.client import TestClient

    MakeClient = Callable[..., Awaitable[TestClient]]

__all__ = ["rtserver_client"]


async def _clients() -> AsyncIterator[MakeClient]:
    """Connect clients to servers in the same process: ``client = await rtserver_client(sio, auth=...)``.

    The parameters are those of `rtserver.testing.TestClient`. At the end of the test the clients are
    disconnected, and the servers shut down: another test can use them again.
    """
    from rtserver.testing.client import TestClient  # noqa: PLC0415

    servers: dict[int, Server] = {}
    async with AsyncExitStack() as stack:

        async def connect(server: Server, **parameters: Any) -> TestClient:
            client = TestClient(server, **parameters)
            if id(server) not in servers:
                servers[id(server)] = server
                stack.push_async_callback(server.shutdown)
            return await stack.enter_async_context(client)

        yield connect


rtserver_client = _fixture(_clients)
