from __future__ import annotations

import pytest

from tests.unit.server.harness import Harness


async def test_a_namespace_is_a_chain_that_means_all_its_clients() -> None:
    harness = Harness(namespaces=("/", "/chat"))
    chat, main = harness.session(), harness.session()
    sid = chat.join("/chat")
    main.join()
    namespace = harness.sio.of("/chat")
    assert (namespace.name, repr(namespace)) == ("/chat", "<ServerNamespace /chat>")
    await namespace.emit("event", 1, 2)
    await namespace.to(sid).emit("again")
    assert chat.take() == ['42/chat,["event",1,2]', '42/chat,["again"]']
    assert main.take() == []
    assert [socket.id for socket in await namespace.fetch_sockets()] == [sid]
    assert namespace.socket(sid) == harness.sio.socket(sid, "/chat")


async def test_who_is_not_connected_here_has_no_socket() -> None:
    with pytest.raises(KeyError, match="'x' is connected to namespace '/chat' here"):
        Harness().sio.of("/chat").socket("x")
