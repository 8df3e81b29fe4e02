from __future__ import annotations

import logging
from typing import Any

import pytest

from rtserver import Server
from rtserver.admin.actions import Actions
from rtserver.testing import TestClient


def server() -> Server:
    sio = Server()
    Actions(sio, "/admin")
    return sio


async def ask(admin: TestClient, *args: Any) -> None:
    event, *rest = args
    await admin.emit(event, tuple(rest))
    await admin.settled()


async def test_emit_to_all_or_to_a_room() -> None:
    sio = server()
    async with TestClient(sio, namespace="/admin") as admin, TestClient(sio) as one, TestClient(sio) as two:
        await ask(admin, "emit", "/", None, "news", 1, {"a": 2})
        await ask(admin, "emit", "/", one.sid, "private")
        for client in (one, two):
            assert (await client.receive()) == ("news", (1, {"a": 2}))
            await client.settled()
        assert [event.name for event in one.received] == ["news", "private"]
        assert [event.name for event in two.received] == ["news"]
        await sio.enter_room(two.sid, "lobby")
        await ask(admin, "emit", "/", ["lobby", one.sid], "both")
        await one.settled()
        await two.settled()
        assert one.received[-1].name == two.received[-1].name == "both"


async def test_join_and_leave() -> None:
    sio = server()
    async with TestClient(sio, namespace="/admin") as admin, TestClient(sio) as one, TestClient(sio) as two:
        await ask(admin, "join", "/", "lobby", one.sid)
        assert [sio.rooms(client.sid) for client in (one, two)] == [[one.sid, "lobby"], [two.sid]]
        await ask(admin, "join", "/", "hall")
        assert [sio.rooms(client.sid)[1:] for client in (one, two)] == [["lobby", "hall"], ["hall"]]
        await ask(admin, "leave", "/", "hall", one.sid)
        await ask(admin, "leave", "/", "lobby", None)
        assert [sio.rooms(client.sid)[1:] for client in (one, two)] == [[], ["hall"]]


async def test_disconnect_from_the_namespace_or_altogether() -> None:
    sio = server()
    sio.on("hello", lambda sid: None, namespace="/chat")
    async with TestClient(sio, namespace="/admin") as admin, TestClient(sio) as one, TestClient(sio) as two:
        chats = [one.namespace("/chat"), two.namespace("/chat")]
        for chat in chats:
            await chat.connect()
        await ask(admin, "_disconnect", "/", False, one.sid)
        await ask(admin, "_disconnect", "/", True, two.sid)
        left = [sio.rooms(each.sid, each.name) for each in (one, chats[0], two, chats[1])]
        assert left == [[], [chats[0].sid], [], []]
        await ask(admin, "_disconnect", "/chat", False)
        assert sio.rooms(chats[0].sid, "/chat") == []


@pytest.mark.parametrize(
    "asked",
    [
        ("emit",),
        ("emit", "/", None),
        ("emit", "/", None, 7),
        ("emit", "/", None, "connect"),
        ("emit", 7, None, "news"),
        ("emit", "chat", None, "news"),
        ("join", "/"),
        ("_disconnect", "/"),
        ("_disconnect", "/", True, "x", "y"),
    ],
)
async def test_what_the_ui_does_not_send_is_refused_and_logged(
    asked: tuple[Any, ...], caplog: pytest.LogCaptureFixture
) -> None:
    sio = server()
    async with TestClient(sio, namespace="/admin") as admin, TestClient(sio) as client:
        with caplog.at_level(logging.WARNING):
            await ask(admin, *asked)
        assert client.received == []
    [record] = caplog.records
    assert record.name == "rtserver.admin"
    assert f"admin {admin.sid} asked for what can't be done: {asked[0]}: " in record.message
    assert record.exc_info is None


async def test_no_more_than_a_part_of_what_is_refused_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    sio = server()
    async with TestClient(sio, namespace="/admin") as admin:
        await ask(admin, "emit", "/", None, {"name": "x" * 10_000})
    [record] = caplog.records
    assert len(record.message) < 400
    assert record.message.endswith("…")


async def test_what_admins_do_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    sio = server()
    async with TestClient(sio, namespace="/admin") as admin:
        with caplog.at_level(logging.INFO, "rtserver.admin"):
            await ask(admin, "_disconnect", "/chat", True, "lobby")
            await ask(admin, "emit", "/chat", ["lobby"], "news", "a secret", 2)
            await ask(admin, "emit", "/chat", None, "x" * 100)
            await ask(admin, "emit", "x" * 100)
    assert [record.message for record in caplog.records if record.levelname == "INFO"] == [
        f"admin {admin.sid}: disconnect '/chat', True, 'lobby'",
        f"admin {admin.sid}: emit '/chat', ['lobby'], 'news', arguments: 2",
        f"admin {admin.sid}: emit '/chat', None, '{'x' * 79}…, arguments: 0",
        f"admin {admin.sid}: emit '{'x' * 79}…, arguments: 0",
    ]
    assert "secret" not in caplog.text
