from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from socketio.exceptions import ConnectionRefusedError as Refusal

from rtserver import Server
from rtserver.admin.credentials import Credentials, HasGone
from rtserver.admin.entrance import Entrance
from rtserver.testing import TestClient


def guarded() -> Server:
    sio = Server()
    credentials = Credentials(lambda auth, _: auth == {"password": "right"}, b"secret")
    sio.use(Entrance(sio._hub, credentials, penalty=0).admit, namespace="/admin")
    sio.on("connect", lambda sid, environ: None, namespace="/admin")
    return sio


async def test_who_has_the_password_gets_a_session_and_needs_it_no_more() -> None:
    sio = guarded()
    async with TestClient(sio, auth={"password": "right"}, namespace="/admin") as client:
        session = (await client.receive("session")).data
    async with TestClient(sio, auth={"sessionId": session}, namespace="/admin") as client:
        assert client.connected
        assert client.received == []


@pytest.mark.parametrize("auth", [None, "right", {"password": "wrong"}, {"sessionId": "1.2"}])
async def test_who_has_neither_is_refused_in_the_words_that_the_ui_knows(
    auth: object, caplog: pytest.LogCaptureFixture
) -> None:
    client = TestClient(guarded(), auth=auth, namespace="/admin", address=("203.0.113.7", 1))
    with caplog.at_level(logging.WARNING), pytest.raises(Refusal) as refused:
        await client.connect()
    assert refused.value.error_args == {"message": "invalid credentials"}
    assert client.received == []
    assert [record.message for record in caplog.records] == [
        "someone at 203.0.113.7 has shown no valid credentials for the admin UI"
    ]
    assert "wrong" not in caplog.text


async def test_it_is_known_whether_the_client_is_still_there() -> None:
    sio = Server()
    asked: asyncio.Queue[HasGone] = asyncio.Queue()
    go = asyncio.Event()

    async def decide(_: Any, has_gone: HasGone) -> bool:
        asked.put_nowait(has_gone)
        await go.wait()
        return True

    sio.use(Entrance(sio._hub, Credentials(decide, b"secret"), penalty=0).admit, namespace="/admin")
    sio.on("connect", lambda sid, environ: None, namespace="/admin")
    client = TestClient(sio, namespace="/admin")
    connecting = asyncio.ensure_future(client.connect())
    async with asyncio.timeout(5):
        has_gone = await asked.get()
        assert not has_gone()
        client.drop()
        assert has_gone()
        go.set()
        await asyncio.wait([connecting])
    assert connecting.exception() is not None
    assert has_gone()


async def test_what_admins_are_told_is_not_kept_for_who_is_looked_at() -> None:
    sio = Server()
    asked, go = asyncio.Event(), asyncio.Event()

    async def decide(_: Any, has_gone: HasGone) -> bool:
        asked.set()
        await go.wait()
        return True

    sio.use(Entrance(sio._hub, Credentials(decide, b"secret"), penalty=0).admit, namespace="/admin")
    sio.on("connect", lambda sid, environ: None, namespace="/admin")
    client = TestClient(sio, namespace="/admin")
    connecting = asyncio.ensure_future(client.connect())
    async with asyncio.timeout(5):
        await asked.wait()
        await sio.emit("report", "before", namespace="/admin")
        go.set()
        await connecting
        await sio.emit("report", "after", namespace="/admin")
        await client.settled()
    assert [(each.name, each.args[-1]) for each in client.received][1:] == [("report", "after")]
    assert client.received[0].name == "session"
    await client.disconnect()
