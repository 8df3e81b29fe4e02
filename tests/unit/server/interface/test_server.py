from __future__ import annotations

import pytest

from tests.unit.server.harness import Harness


async def test_a_chain_of_the_server_means_the_main_namespace() -> None:
    harness = Harness(namespaces=("/", "/chat"))
    main, chat = harness.session(), harness.session()
    sid = main.join()
    chat.join("/chat")
    await harness.sio.to(sid).emit("event")
    await harness.sio.local.emit("event")
    assert (main.take(), chat.take()) == (['42["event"]'] * 2, [])


async def test_emit_of_the_server_itself_stays_python_socketios() -> None:
    harness = Harness()
    session = harness.session()
    session.join()
    await harness.sio.emit("event", (1, 2))
    await harness.sio.local.emit("event", (1, 2))
    assert session.take() == ['42["event",1,2]', '42["event",[1,2]]']


def test_a_namespace_begins_with_a_slash() -> None:
    with pytest.raises(ValueError, match="'chat'"):
        Harness().sio.of("chat")


async def test_a_socket_is_found_by_sid_and_namespace() -> None:
    harness = Harness()
    sid = harness.session().join()
    assert harness.sio.socket(sid).id == sid
    with pytest.raises(KeyError, match="'/other'"):
        harness.sio.socket(sid, "/other")
