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


async def test_its_policy_for_slow_clients() -> None:
    harness = Harness(namespaces=("/", "/prices"))
    prices = harness.sio.of("/prices")
    prices.slow_clients("conflate")
    slow = harness.session()
    slow.join("/prices")
    slow.congested = True
    for number in range(3):
        await prices.conflate("A").emit("price", number)
    slow.congested = False
    slow.handler.drain(slow)
    assert slow.take() == ['42/prices,["price",2]']
    assert harness.sio._hub.namespaces["/prices"].slow_clients is not None


async def test_a_policy_that_comes_too_late_or_does_not_exist() -> None:
    harness = Harness()
    main = harness.sio.of("/")
    with pytest.raises(ValueError, match="received 'forget'"):
        main.slow_clients("forget")  # type: ignore[arg-type]
    harness.session().join()
    with pytest.raises(RuntimeError, match="once clients have joined: set it when the server is made"):
        main.slow_clients("conflate")
