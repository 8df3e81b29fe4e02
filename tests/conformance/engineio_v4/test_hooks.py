"""`initial_headers`, `headers` and `connection_error`, on each way that a request is served."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from multidict import CIMultiDict

from rtserver.engineio.handler import Handshake
from rtserver.transport.hooks import RefusedRequest
from tests.conformance.engineio_v4.helpers import (
    POLLING,
    WEBSOCKET,
    Serve,
    error,
    opening,
    until_polling_is_held,
)
from tests.support.engine import Answer, Recorder, upgrade_request

Headers = CIMultiDict[str]


def marking(log: list[tuple[str, str]], event: str) -> Any:
    """Make a hook that logs its request and leaves a header."""

    def hook(headers: Headers, handshake: Handshake) -> None:
        log.append((event, f"{handshake.method} {handshake.query['transport'][0]}"))
        headers[f"X-{event}"] = handshake.header("x-number") or "none"

    return hook


def marks(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("x-")}


async def test_which_responses_the_hooks_see(server: Serve) -> None:
    log: list[tuple[str, str]] = []
    async with server() as served:
        served.engine.on("initial_headers", marking(log, "initial"))
        served.engine.on("headers", marking(log, "each"))
        client, sid = await served.open_polling()
        assert taken(log) == [("initial", "GET polling"), ("each", "GET polling")]
        answer = await client.post(f"{POLLING}&sid={sid}", b"4one", "X-Number: 1\r\n")
        assert (answer.body, marks(answer)) == (b"ok", {"x-each": "1"})
        client.request("GET", f"{POLLING}&sid={sid}", "X-Number: 2\r\n")
        await until_polling_is_held(served)
        served.handler.session.send("two")
        answer = await client.answer()
        assert (answer.body, marks(answer)) == (b"4two", {"x-each": "2"})
        assert taken(log) == [("each", "POST polling"), ("each", "GET polling")]
        websocket = await served.connect()
        answer = await websocket.upgrade(f"{WEBSOCKET}&sid={sid}", "X-Number: 3\r\n")
        assert marks(answer) == {"x-each": "3"}
        assert taken(log) == [("each", "GET websocket")]
        websocket = await served.connect()
        answer = await websocket.upgrade(WEBSOCKET, "X-Number: 4\r\n")
        assert marks(answer) == {"x-initial": "4", "x-each": "4"}
        assert (await websocket.packet())[:1] == "0"
        assert taken(log) == [("initial", "GET websocket"), ("each", "GET websocket")]
        assert (await client.get("/engine.io/?transport=unknown")).status == 400
        assert log == []


def taken(log: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return what is in the log, and empty it."""
    found = log[:]
    log.clear()
    return found


async def test_a_hook_finds_changes_and_removes_what_the_server_would_send(server: Serve) -> None:
    async with server(cookie="io", cors_allowed_origins="*") as served:

        @served.engine.on("initial_headers")
        def change(headers: Headers, handshake: Handshake) -> None:
            sid = headers["set-cookie"].removeprefix("io=").partition(";")[0]
            headers["Set-Cookie"] = f"io={sid}; Secure"
            headers.add("Set-Cookie", "lb=a")
            headers["access-control-allow-origin"] = "*"
            del headers["Vary"]

        client = await served.connect()
        client.request("GET", POLLING, "Origin: http://page.example\r\n")
        lines = (await client.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        sid = served.handler.session.sid
        assert [line for line in lines if line.startswith("Set-Cookie")] == [
            f"Set-Cookie: io={sid}; Secure",
            "Set-Cookie: lb=a",
        ]
        assert "access-control-allow-origin: *" in lines
        assert not any(line.startswith("Vary") for line in lines)
        assert "Content-Type: text/plain; charset=UTF-8" in lines


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("X-A", "one\r\nX-B: two", "one line of ASCII text was expected"),
        ("X-A\r\nX-B", "one", "letters, digits and - were expected"),
        ("Content-Length", "3", "the transport sets it itself"),
    ],
)
async def test_a_header_that_cant_be_sent_opens_no_session(  # noqa: PLR0917
    server: Serve, caplog: pytest.LogCaptureFixture, transport: str, name: str, value: str, complaint: str
) -> None:
    async with server() as served:
        served.engine.on("initial_headers", lambda headers, handshake: headers.add(name, value))
        client = await served.connect()
        client.write(opening(transport))
        answer = await client.answer()
        assert (answer.status, answer.json()) == (500, error(3, "Internal error"))
        assert "x-b" not in answer.headers
        assert served.handler.sessions == []
    assert complaint in caplog.text


async def test_a_hook_that_fails_loses_no_packet(server: Serve, caplog: pytest.LogCaptureFixture) -> None:
    async with server() as served:
        client, sid = await served.open_polling()
        served.handler.session.send("kept")
        failing = [True]

        @served.engine.on("headers")
        def fail(headers: Headers, handshake: Handshake) -> None:
            if failing:
                failing.clear()
                raise ValueError("internal secret")

        answer = await client.poll(sid)
        assert (answer.status, answer.json()) == (500, error(3, "Internal error"))
        assert (await client.poll(sid)).body == b"4kept"
    assert "internal secret" in caplog.text


async def test_every_refused_request_is_told(server: Serve) -> None:
    told: list[RefusedRequest] = []
    async with server(
        Recorder(), allow_request=lambda handshake: handshake.header("x-reason"), max_http_buffer_size=10
    ) as served:
        served.engine.on("connection_error", told.append)
        _, sid = await served.open_polling()

        async def refused(target: str, method: str = "GET", headers: str = "") -> tuple[int, str, Any]:
            client = await served.connect()
            if "websocket" in target:
                client.write(upgrade_request(target, headers))
            else:
                client.request(method, target, headers, b"x" * 11 if method == "POST" else None)
            answer = await client.answer()
            refusal = told.pop()
            assert told == []
            assert answer.json()["code"] == refusal.code
            assert refusal.request.target == target
            return refusal.code, refusal.message, refusal.context

        expected: Any
        for target, method, expected in (
            ("/engine.io/?EIO=4&transport=tin", "GET", (0, "Transport unknown", {"transport": "tin"})),
            (f"{POLLING}&sid=no", "GET", (1, "Session ID unknown", {"sid": "no"})),
            (f"{WEBSOCKET}&sid=no", "GET", (1, "Session ID unknown", {"sid": "no"})),
            (POLLING, "POST", (2, "Bad handshake method", {"method": "POST"})),
            (POLLING.replace("4", "2"), "GET", (5, "Unsupported protocol version", {"protocol": "2"})),
        ):
            assert await refused(target, method) == expected
        for target in (POLLING, WEBSOCKET):
            expected = (4, "Forbidden", {"message": "not you"})
            assert await refused(target, headers="X-Reason: not you\r\n") == expected
        code, message, context = await refused(f"{POLLING}&sid={sid}", "POST")
        assert (code, message) == (3, "Bad request")
        assert "expected at most 10" in context["message"]


async def test_a_refused_request_is_a_line_at_debug(server: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """It says why, but not the id of a session: that one may be elsewhere, and its id is a secret."""
    caplog.set_level(logging.DEBUG, "rtserver.transport")
    async with server() as served:
        client = await served.connect()
        await client.get(POLLING, "Origin: https://evil.example\r\n")
        await client.get(f"{POLLING}&sid=secret")
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith(
        "refused a GET request of 127.0.0.1 with status 403: Forbidden: origin 'https://evil."
    )
    assert second == "refused a GET request of 127.0.0.1 with status 400: Session ID unknown"


async def test_a_transport_that_the_session_doesnt_use_is_told(server: Serve) -> None:
    told: list[RefusedRequest] = []
    async with server() as served:
        served.engine.on("connection_error", told.append)
        await served.open_websocket()
        client = await served.connect()
        await client.poll(served.handler.session.sid)
        await client.get(WEBSOCKET)
        assert [refusal.context for refusal in told] == [
            {"name": "TRANSPORT_MISMATCH", "transport": "polling", "previousTransport": "websocket"},
            {"name": "TRANSPORT_HANDSHAKE_ERROR"},
        ]


async def test_a_connection_error_hook_that_fails_changes_nothing(
    server: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[RefusedRequest] = []

    def fail(refusal: RefusedRequest) -> None:
        raise ValueError("internal secret")

    async with server() as served:
        served.engine.on("connection_error", fail)
        served.engine.on("connection_error", told.append)
        answer = await (await served.connect()).get(f"{POLLING}&sid=no")
        assert (answer.status, answer.json()) == (400, error(1, "no"))
        assert len(told) == 1
        assert served.engine.counters.handler_errors == 1
    assert "internal secret" in caplog.text
