from __future__ import annotations

from typing import Any

import orjson
import pytest
import socketio

from rtserver.service.webhooks.attach import Attachment
from tests.unit.server.harness import FakeSession, turns

from .backends import Service


class Application(Service):
    """An application, and a backend that has a part of it."""

    def attach(
        self, *, connect: bool = True, events: tuple[str, ...] = ("*",), disconnect: bool = True
    ) -> None:
        attachment = Attachment(self.backend, ["/", "/chat"], connect, events, disconnect)
        attachment.decide(self.sio)
        self.set_up()
        attachment.answer(self.sio)

    def set_up(self) -> None:
        """Register what the application has."""

        @self.sio.event
        async def mine(sid: str, *args: Any) -> str:
            return "mine"

    async def call(self, session: FakeSession, *event: Any) -> Any:
        session.receive("21" + orjson.dumps(event).decode())
        await turns(10)
        (answer,) = session.take()
        assert isinstance(answer, str)
        assert answer.startswith("431")
        return orjson.loads(answer[3:])


class WithClass(Application):
    """One whose namespace is a class."""

    def set_up(self) -> None:
        class Everything(socketio.AsyncNamespace):  # type: ignore[misc]
            async def on_mine(self, sid: str) -> str:
                return "a class"

        self.sio.register_namespace(Everything("/"))


async def test_what_the_application_handles_stays_there() -> None:
    one = Application({}, {"ack": ["the backend's"]})
    one.attach()
    session, _ = await one.connect()
    assert await one.call(session, "mine", 1) == ["mine"]
    assert await one.call(session, "other", 1) == ["the backend's"]
    assert one.endpoint.said == [("connect",), ("event", "other", [1])]


async def test_a_namespace_is_there_because_the_backend_has_it() -> None:
    one = Application()
    one.attach()
    session = one.harness.session()
    session.receive("0/chat,")
    await turns(10)
    assert str(session.sent[0]).startswith('40/chat,{"sid"')
    assert one.endpoint.requests[0][1]["namespace"] == "/chat"
    session.close("transport close")
    await turns(10)
    assert one.endpoint.said == [("connect",), ("disconnect", "transport close")]


async def test_events_by_pattern() -> None:
    one = Application({}, {"ack": [1]})
    one.attach(events=("chat:*", "say"))
    session, _ = await one.connect()
    assert await one.call(session, "chat:new") == [1]
    assert await one.call(session, "say") == []
    error = {"code": "unknown_event", "message": "Nobody here answers this event"}
    assert await one.call(session, "said") == [error]
    assert one.endpoint.said == [("connect",), ("event", "chat:new", []), ("event", "say", [])]


async def test_no_events() -> None:
    one = Application()
    one.attach(events=())
    session, _ = await one.connect()
    session.receive('21["other"]')
    await turns(10)
    assert session.take() == []
    assert one.endpoint.said == [("connect",)]


async def test_it_isn_t_asked_who_is_let_in_but_told_who_has_gone() -> None:
    one = Application()
    one.attach(connect=False)
    session, _ = await one.connect()
    assert one.endpoint.said == []
    session.close("transport close")
    await turns(10)
    assert one.endpoint.said == [("disconnect", "transport close")]


async def test_it_is_told_nothing() -> None:
    one = Application(tells_ends=False)
    one.attach(connect=False, disconnect=False)
    session, _ = await one.connect()
    session.close("transport close")
    await turns(10)
    assert one.endpoint.said == []


async def test_a_namespace_that_handles_everything_itself(caplog: pytest.LogCaptureFixture) -> None:
    one = WithClass()
    one.attach()
    session, _ = await one.connect()
    assert await one.call(session, "mine") == ["a class"]
    assert await one.call(session, "other") == []
    assert one.endpoint.said == [("connect",)]
    assert "handles every event of namespace /, by a class" in caplog.text
    assert "/chat" not in caplog.text
