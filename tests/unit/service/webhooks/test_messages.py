from __future__ import annotations

import json
from typing import Any, ClassVar

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from rtserver.errors import BackendError
from rtserver.server.interface.socket import Socket
from rtserver.service.api.requests import Some
from rtserver.service.webhooks.messages import (
    ConnectAnswer,
    EventAnswer,
    claims_of,
    connect_request,
    disconnect_request,
    event_request,
    read,
)
from tests.support.examples import example
from tests.unit.server.harness import Harness

PAGE = "docs/webhooks.md"


def joined(auth: str = "", **session: Any) -> Socket:
    """Return a client of a server that lets everyone in."""
    harness = Harness()
    sid = harness.session().join(auth=auth)
    socket = harness.sio.socket(sid)
    socket.data.update(session)
    return socket


# What is said.


async def test_a_client_that_wants_to_connect() -> None:
    socket = joined('{"token":"t"}', claims={"sub": "ada"})
    assert orjson.loads(connect_request(socket, ["user-agent", "x-unknown"])) == {
        "type": "connect",
        "namespace": "/",
        "sid": socket.id,
        "claims": {"sub": "ada"},
        "auth": {"token": "t"},
        "recovered": False,
        "address": "203.0.113.7",
        "secure": False,
        "query": {"EIO": "4", "transport": "websocket"},
        "headers": {"user-agent": "tests"},
    }


@pytest.mark.parametrize(("auth", "passed"), [('{"t":"hush","room":7}', {"room": 7}), ('["t"]', ["t"])])
async def test_a_token_is_left_out(auth: str, passed: Any) -> None:
    assert orjson.loads(connect_request(joined(auth), [], "t"))["auth"] == passed
    assert orjson.loads(connect_request(joined(), [], "transport"))["query"] == {"EIO": "4"}


async def test_headers_are_passed_on_by_name_only() -> None:
    assert orjson.loads(connect_request(joined(), []))["headers"] == {}


async def test_an_event() -> None:
    socket = joined()
    assert orjson.loads(event_request(socket, "say", ["x", {"a": 1}])) == {
        "type": "event",
        "namespace": "/",
        "sid": socket.id,
        "claims": {},
        "event": "say",
        "args": ["x", {"a": 1}],
    }


async def test_a_client_that_has_gone() -> None:
    socket = joined(claims={"sub": "ada"})
    assert orjson.loads(disconnect_request(socket, "transport close")) == {
        "type": "disconnect",
        "namespace": "/",
        "sid": socket.id,
        "claims": {"sub": "ada"},
        "reason": "transport close",
    }


async def test_the_requests_that_the_page_shows() -> None:
    """They have the keys of what is sent."""
    socket = joined('{"name":"Ada"}')
    sent = (
        connect_request(socket, ["user-agent"]),
        event_request(socket, "say", ["Hello!"]),
        disconnect_request(socket, "transport close"),
    )
    shown = [json.loads(each) for each in example(PAGE, "requests").split("\n\n")]
    assert [each.keys() for each in shown] == [orjson.loads(each).keys() for each in sent]
    assert [each["type"] for each in shown] == [orjson.loads(each)["type"] for each in sent]


def test_the_emit_that_the_page_shows() -> None:
    shown = f'{{"emit": [{example(PAGE, "emit")}]}}'
    (emit,) = read(EventAnswer, shown.encode()).emit
    assert (emit.event, emit.args) == ("said", ["Ada", "Hello!"])


@pytest.mark.parametrize(
    ("args", "written"),
    [
        ([b"\1\2\3"], [{"$bytes": "AQID"}]),
        ([{"deep": [b""]}], [{"deep": [{"$bytes": ""}]}]),
        ([{"$bytes": "mine"}], [{"$$bytes": "mine"}]),
        ([{"bytes": 1}], [{"bytes": 1}]),
        (["\ud800", 2**70], ["\ud800", 2**70]),
    ],
)
async def test_arguments_that_json_can_t_say_by_itself(args: list[Any], written: list[Any]) -> None:
    before = repr(args)
    assert json.loads(event_request(joined(), "x", args))["args"] == written
    assert repr(args) == before  # others may look at them still


async def test_bytes_that_a_client_shows_who_it_is_with() -> None:
    socket = joined('{"key":{"$bytes":"mine"}}')
    assert orjson.loads(connect_request(socket, []))["auth"] == {"key": {"$$bytes": "mine"}}
    assert socket.handshake.auth == {"key": {"$bytes": "mine"}}


async def test_claims_of_the_application_s_that_json_can_t_say() -> None:
    socket = joined(claims={"since": object()})
    with pytest.raises(BackendError, match="can't be written as JSON") as caught:
        disconnect_request(socket, "x")
    assert caught.value.code == "backend_failed"


async def test_claims_that_are_something_else() -> None:
    assert claims_of(joined(claims="admin")) == {}


# What is answered.


def test_nothing_is_an_empty_answer() -> None:
    assert read(ConnectAnswer, b"") == read(ConnectAnswer, b"{}") == ConnectAnswer()
    assert read(EventAnswer, b"").ack == []


def test_everything_that_may_be_in_an_answer() -> None:
    emit = (
        b'[{"event":"e","args":[{"$bytes":"AQ=="}],"to":{"rooms":["r"]},"except":{"sockets":["s"]}},'
        b'{"event":"f"}]'
    )
    connect = read(
        ConnectAnswer,
        b'{"refuse":{"message":"no","data":[1]},"claims":{"a":{"$bytes":"x"}},"rooms":["r"],"emit":%b}'
        % emit,
    )
    assert connect.refuse is not None
    assert connect.refuse.as_exception().error_args == {"message": "no", "data": [1]}
    assert (connect.claims, connect.rooms) == ({"a": {"$bytes": "x"}}, ["r"])
    first, second = connect.emit
    assert (first.event, first.args) == ("e", [b"\1"])
    assert (first.to, first.except_) == (Some(rooms=["r"]), Some(sockets=["s"]))
    assert (second.event, second.args, second.to, second.except_) == ("f", [], None, None)
    event = read(
        EventAnswer, b'{"ack":[{"$bytes":"AQ=="},{"$$bytes":1}],"join":["a"],"leave":["b"],"emit":%b}' % emit
    )
    assert (event.ack, event.join, event.leave) == ([b"\1", {"$bytes": 1}], ["a"], ["b"])
    assert event.emit == connect.emit


def test_a_refusal_without_data() -> None:
    answer = read(ConnectAnswer, b'{"refuse":{"message":"no"}}')
    assert answer.refuse is not None
    assert answer.refuse.as_exception().error_args == {"message": "no"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html>", "expected JSON"),
        (b"\xff", "expected JSON"),
        (b"[]", "expected a JSON object"),
        (b"null", "expected a JSON object"),
        (b'{"room":["r"]}', "room: Extra inputs are not permitted"),
        (b'{"join":"r"}', "join: Input should be a valid list"),
        (b'{"join":[1]}', "join.0: Input should be a valid string"),
        (b'{"emit":[{"args":[]}]}', "emit.0.event: Field required"),
        (b'{"emit":[{"event":"disconnect"}]}', "emit.0.event: Value error, an event can't be named"),
        (
            b'{"emit":[{"event":"e","to":"lobby"}]}',
            'expected "all", or an object with rooms',
        ),
        (b'{"ack":[{"$bytes":"?"}]}', "holds base64"),
        (b'{"ack":' + b"[" * 101 + b"]" * 101 + b"}", "nested deeper than 100 levels"),
    ],
)
def test_what_can_t_be_used(body: bytes, message: str) -> None:
    with pytest.raises(BackendError) as caught:
        read(EventAnswer, body)
    assert caught.value.code == "backend_failed"
    assert message in str(caught.value)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)  # beyond 64 bits an integer becomes a float, as in JavaScript
    | st.text(max_size=5)
    | st.sampled_from(["$bytes", "AQ=="]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["$bytes", "$$bytes", "event", "args", "rooms", "x"]), inner, max_size=3
        )
    ),
    max_leaves=10,
)
answers = st.dictionaries(
    st.sampled_from(["refuse", "claims", "rooms", "emit", "ack", "join", "leave", "x"]),
    json_values,
    max_size=3,
)


@given(st.binary(max_size=50) | answers.map(lambda answer: json.dumps(answer).encode()))
def test_any_bytes_are_an_answer_or_one_clear_error(body: bytes) -> None:
    models: list[type[BaseModel]] = [ConnectAnswer, EventAnswer]
    for model in models:
        try:
            assert isinstance(read(model, body), model)
        except BackendError as error:
            assert error.code == "backend_failed"  # noqa: PT017 - both outcomes are right


@given(st.lists(json_values, max_size=3))
def test_what_is_said_can_be_answered(args: list[Any]) -> None:
    written = json.loads(event_request(_SOCKET, "x", args))["args"]
    assert read(EventAnswer, json.dumps({"ack": written}).encode()).ack == args


class _Anyone:
    """As much of a client as a request names."""

    namespace = "/"
    id = "sid"
    data: ClassVar[dict[str, Any]] = {}


_SOCKET: Any = _Anyone()
