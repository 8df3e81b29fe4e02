"""Tests of an application's handlers, without a port: a client in the same process, and a pytest fixture.

from rtserver.testing import TestClient

async with TestClient(sio) as client:
    assert await client.call("greet", "Ada") == "Hello, Ada"
"""

from rtserver.testing.client import TestClient
from rtserver.testing.events import Event
from rtserver.testing.socket import TestSocket

__all__ = ["Event", "TestClient", "TestSocket"]
