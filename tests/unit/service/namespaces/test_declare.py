from __future__ import annotations

import pytest
from socketio.exceptions import ConnectionRefusedError as Refusal

from rtserver.host import Server
from rtserver.service.auth.guard import Guard
from rtserver.service.auth.keys import secret_key
from rtserver.service.auth.options import Expectations, Manners
from rtserver.service.auth.verifier import Verifier
from rtserver.service.namespaces.declaration import Declaration
from rtserver.service.namespaces.declare import declare
from rtserver.testing.client import TestClient
from tests.support.tokens import SECRET, token

from .chat import patterns


async def test_tokens_are_asked_for_first_and_renewed_claims_are_told() -> None:
    sio = Server(namespaces=[])
    verifier = Verifier([secret_key(SECRET, "HS256")], None, Expectations())
    guard = Guard(verifier, Manners(), lambda: sio.eio.clock)
    sio.use(guard.admit, namespace="*")
    declare(sio, [Declaration(name, join=patterns("user:{sub}")) for name in ("/one", "/two")], guard, None)
    client = TestClient(sio, namespace="/one", auth={"token": token()})
    await client.connect()
    two = client.namespace("/two", {"token": token(sub="eve")})
    await two.connect()
    assert client.sid is not None
    assert two.sid is not None
    assert "user:ada" in sio.rooms(client.sid, "/one")
    assert "user:eve" in sio.rooms(two.sid, "/two")
    assert len(guard.on_renewed) == 2
    socket = sio.socket(client.sid, "/one")
    socket.data["claims"] = {"sub": "eve"}
    for renewed in guard.on_renewed:
        await renewed(socket)
    assert "user:eve" in sio.rooms(client.sid, "/one")
    assert "user:ada" not in sio.rooms(client.sid, "/one")
    stranger = TestClient(sio, namespace="/one")
    with pytest.raises(Refusal, match="A token is needed"):
        await stranger.connect()
    await client.disconnect()
