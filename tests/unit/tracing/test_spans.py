from __future__ import annotations

import asyncio
from typing import Any

import pytest
import socketio
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode
from socketio.exceptions import ConnectionRefusedError as Refusal

from rtserver import Server, Tracing
from rtserver.testing import TestClient
from tests.support.spans import TRACE, TRACEPARENT, hex_id, spans

HEADERS = {"traceparent": TRACEPARENT}


def names() -> list[str]:
    return [span.name for span in spans()]


async def test_connect_goes_on_with_the_trace_of_the_client() -> None:
    sio = Server(tracing=True)
    seen: list[str] = []

    @sio.use
    async def look(socket: Any) -> None:
        await asyncio.sleep(0)
        seen.append(f"{trace.get_current_span().get_span_context().trace_id:032x}")

    @sio.event
    async def connect(sid: str, environ: Any) -> None:
        seen.append(f"{trace.get_current_span().get_span_context().trace_id:032x}")

    async with TestClient(sio, headers=HEADERS) as client:
        [span] = spans("connect")
        assert seen == [TRACE, TRACE]
        assert hex_id(span) == TRACE
        assert span.parent is not None
        assert f"{span.parent.span_id:016x}" == "b7ad6b7169203331"
        assert span.kind is SpanKind.SERVER
        assert span.attributes == {"rtserver.namespace": "/", "rtserver.sid": client.sid}


async def test_the_trace_may_be_named_in_the_auth() -> None:
    sio = Server(tracing=True)
    sio.on("connect", lambda sid, environ, auth: None)
    async with TestClient(sio, auth={"token": "x", "traceparent": TRACEPARENT}):
        assert hex_id(spans("connect")[0]) == TRACE


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (Tracing(traceparent=()), False),
        (Tracing(traceparent=("auth",)), False),
        (Tracing(traceparent=("headers",)), True),
    ],
)
async def test_clients_are_believed_where_that_is_wanted(options: Tracing, expected: bool) -> None:
    sio = Server(tracing=options)
    sio.on("connect", lambda sid, environ: None)
    async with TestClient(sio, headers=HEADERS):
        assert (hex_id(spans("connect")[0]) == TRACE) is expected


@pytest.mark.parametrize(
    "auth", [None, "x", {"traceparent": 7}, {"traceparent": "00-x"}, {"traceparent": "0" * 9000}]
)
async def test_what_is_no_trace_begins_one(auth: Any) -> None:
    sio = Server(tracing=True)
    sio.on("connect", lambda sid, environ, auth: None)
    async with TestClient(sio, auth=auth):
        [span] = spans("connect")
        assert span.parent is None


async def test_who_is_refused() -> None:
    sio = Server(tracing=True)

    @sio.event
    async def connect(sid: str, environ: Any) -> None:
        raise Refusal("no")

    with pytest.raises(Refusal):
        await TestClient(sio).connect()
    [span] = spans("connect")
    assert span.attributes is not None
    assert span.attributes["rtserver.refused"] is True


async def test_each_event_has_a_trace_that_is_linked_to_the_clients() -> None:
    sio = Server(tracing=True)

    @sio.event
    async def hello(sid: str, name: str) -> str:
        await asyncio.sleep(0)
        with trace.get_tracer("an application").start_as_current_span("query"):
            return f"hello {name}"

    async with TestClient(sio, headers=HEADERS) as client:
        assert await client.call("hello", "Ada") == "hello Ada"
        assert await client.call("hello", "Ada") == "hello Ada"
        first, second = spans("event hello")
        assert first.attributes == {
            "rtserver.namespace": "/",
            "rtserver.event": "hello",
            "rtserver.sid": client.sid,
        }
        assert len({TRACE, hex_id(first), hex_id(second)}) == 3
        assert [hex_id(link) for link in first.links] == [TRACE]
        assert hex_id(spans("query")[0]) == hex_id(first)


async def test_events_can_belong_to_the_trace_of_the_client() -> None:
    sio = Server(tracing=Tracing(one_trace=True))
    sio.on("hello", lambda sid: None)
    async with TestClient(sio, headers=HEADERS) as client:
        await client.call("hello")
        [span] = spans("event hello")
        assert hex_id(span) == TRACE
        assert span.links == ()


async def test_without_a_trace_of_the_client_there_is_no_link() -> None:
    sio = Server(tracing=True)
    sio.on("hello", lambda sid: None)
    async with TestClient(sio) as client:
        await client.call("hello")
        [span] = spans("event hello")
        assert span.links == ()


async def test_handlers_of_every_kind() -> None:
    sio = Server(tracing=True)
    sio.on("plain", lambda sid: 1)
    sio.on("*", lambda event, sid: 2)

    class Chat(socketio.AsyncNamespace):  # type: ignore[misc]
        async def on_say(self, sid: str) -> int:
            return 3

    sio.register_namespace(Chat("/chat"))
    async with TestClient(sio) as client, client.namespace("/chat") as chat:
        sio.socket(client.sid).on("own", lambda: 4)
        assert [await client.call(name) for name in ("plain", "anything", "own")] == [1, 2, 4]
        assert await chat.call("say") == 3
        assert names() == ["event plain", "event", "event own", "event say"]
        assert [dict(span.attributes or {})["rtserver.event"] for span in spans("event")] == ["anything"]


async def test_what_a_handler_raises_is_in_its_span() -> None:
    sio = Server(tracing=True)

    @sio.event
    async def fail(sid: str) -> None:
        raise ValueError("broken")

    async with TestClient(sio) as client:
        await client.emit("fail")
        await client.settled()
        [span] = spans("event fail")
        assert span.status.status_code is StatusCode.ERROR
        assert [event.name for event in span.events] == ["exception"]


async def test_disconnect() -> None:
    sio = Server(tracing=True)
    sio.on("disconnect", lambda sid, reason: None)
    async with TestClient(sio, headers=HEADERS):
        pass
    [span] = spans("disconnect")
    assert [hex_id(link) for link in span.links] == [TRACE]


async def test_questions_belong_to_the_trace_of_who_asks() -> None:
    sio = Server(tracing=True)

    @sio.event
    async def ask(sid: str) -> list[Any]:
        return [
            await sio.call("question", to=sid),
            await sio.socket(sid).emit_with_ack("question"),
            list(await sio.to(sid).timeout(5).emit_with_ack("question")),
        ]

    async with TestClient(sio) as client:
        client.on("question", lambda: "answer")
        assert await client.call("ask") == ["answer", "answer", ["answer"]]
        [asking] = spans("event ask")
        questions = spans("ask question")
        assert {hex_id(span) for span in questions} == {hex_id(asking)}
        assert all(span.kind is SpanKind.CLIENT for span in questions)
        assert questions[2].attributes == {
            "rtserver.namespace": "/",
            "rtserver.event": "question",
            "rtserver.answers": 1,
            "rtserver.missing": 0,
        }


async def test_a_question_without_an_answer() -> None:
    sio = Server(tracing=True)
    async with TestClient(sio) as client:
        with pytest.raises(socketio.exceptions.TimeoutError):
            await sio.call("question", to=client.sid, timeout=0.05)
    [span] = spans("ask question")
    assert span.status.status_code is StatusCode.ERROR


async def test_no_context_is_left_behind() -> None:
    sio = Server(tracing=True)
    before = trace.get_current_span()
    seen: list[Any] = []
    sio.on("hello", lambda sid: seen.append(trace.get_current_span()))

    @sio.event
    async def later(sid: str) -> None:
        await asyncio.sleep(0)

    async with TestClient(sio) as client:
        for event in ("hello", "later", "hello"):
            await client.call(event)
    assert trace.get_current_span() is before
    assert len({span.get_span_context().span_id for span in seen}) == 2
