"""The messages are those of python-socketio 5.18.1 unless a test says otherwise."""

from __future__ import annotations

import json
import logging
import pickle
from contextlib import suppress
from typing import Any

import pytest
import socketio
from hypothesis import given
from hypothesis import strategies as st

from rtserver.cluster.message import Kind, Message
from rtserver.cluster.redis.foreign import PythonFormat
from rtserver.errors import ClusterViolation

HOST = "8c4e926293844f1b8e6fd52e39564602"


def decode(text: str) -> Message | None:
    return PythonFormat().decode(text.encode(), 0)


def emitted(rooms: list[Any], without: list[Any], *event: Any, namespace: str = "/") -> Message:
    data = {"packet": {"type": 2, "data": list(event)}, "opts": {"rooms": rooms, "except": without}}
    return Message(HOST, namespace, Kind.BROADCAST, data)


TAIL = '"callback": null, "host_id": "8c4e926293844f1b8e6fd52e39564602"}'
EMITS = [
    (
        '{"method": "emit", "event": "ev", "data": [{"a": 1}], "binary": false, "namespace": "/", '
        '"room": null, "skip_sid": null, ',
        emitted([], [], "ev", {"a": 1}),
    ),
    (
        '{"method": "emit", "event": "ev", "data": [[1, 2]], "binary": false, "namespace": "/", '
        '"room": "r1", "skip_sid": null, ',
        emitted(["r1"], [], "ev", [1, 2]),
    ),
    (
        '{"method": "emit", "event": "ev", "data": [1, 2], "binary": false, "namespace": "/chat", '
        '"room": "r1", "skip_sid": "s1", ',
        emitted(["r1"], ["s1"], "ev", 1, 2, namespace="/chat"),
    ),
    (
        '{"method": "emit", "event": "ev", "data": [[{"_placeholder": true, "num": 0}], "AQI="], '
        '"binary": true, "namespace": "/", "room": ["r1", "r2"], "skip_sid": ["s1", "s2"], ',
        emitted(["r1", "r2"], ["s1", "s2"], "ev", b"\x01\x02"),
    ),
    (
        '{"method": "emit", "event": "ev", "data": [[{"x": {"_placeholder": true, "num": 0}, '
        '"y": [{"_placeholder": true, "num": 1}]}], "BQ==", "Bg=="], "binary": true, "namespace": "/", '
        '"room": null, "skip_sid": null, ',
        emitted([], [], "ev", {"x": b"\x05", "y": [b"\x06"]}),
    ),
    (
        '{"method": "emit", "event": "ev", "data": [null], "binary": false, "namespace": "/", "room": null, '
        '"skip_sid": null, ',
        emitted([], [], "ev"),
    ),
    (
        '{"method": "emit", "event": "ev", "data": [], "binary": false, "namespace": "/", "room": null, '
        '"skip_sid": null, ',
        emitted([], [], "ev"),
    ),
]


@pytest.mark.parametrize(("text", "message"), EMITS)
def test_events(text: str, message: Message) -> None:
    assert decode(text + TAIL) == message


def test_a_single_argument_of_version_5_14_and_5_15() -> None:
    begin = '{"method": "emit", "event": "ev", "namespace": "/", "room": null, "skip_sid": null, "data": '
    assert decode(begin + '{"a": 1}, ' + TAIL) == emitted([], [], "ev", {"a": 1})
    assert decode(begin + "[1, 2], " + TAIL) == emitted([], [], "ev", [1, 2])
    assert decode(begin + '"text", "binary": false, ' + TAIL) == emitted([], [], "ev", "text")
    binary = '[{"_placeholder": true, "num": 0}, "AQI="], "binary": true, '
    assert decode(begin + binary + TAIL) == emitted([], [], "ev", b"\x01\x02")


def test_an_event_for_an_empty_list_of_rooms_is_for_nobody() -> None:
    assert (
        decode('{"method": "emit", "event": "ev", "data": [], "binary": false, "room": [], ' + TAIL) is None
    )


def test_that_an_acknowledgment_is_wanted_is_ignored() -> None:
    text = EMITS[2][0] + '"callback": ["r1", "/chat", 1], "host_id": "8c4e926293844f1b8e6fd52e39564602"}'
    assert decode(text) == EMITS[2][1]
    assert (
        decode('{"method": "callback", "host_id": "8", "sid": "r1", "namespace": "/", "id": 1, "args": []}')
        is None
    )


@pytest.mark.parametrize(
    ("text", "kind", "data"),
    [
        ('"method": "disconnect", "sid": "s1"', Kind.DISCONNECT, {"opts": {"rooms": ["s1"]}, "close": False}),
        (
            '"method": "enter_room", "sid": "s1", "room": "r9"',
            Kind.JOIN,
            {"opts": {"rooms": ["s1"]}, "rooms": ["r9"]},
        ),
        (
            '"method": "leave_room", "sid": "s1", "room": "r9"',
            Kind.LEAVE,
            {"opts": {"rooms": ["s1"]}, "rooms": ["r9"]},
        ),
        ('"method": "close_room", "room": "r9"', Kind.LEAVE, {"opts": {"rooms": ["r9"]}, "rooms": ["r9"]}),
    ],
)
def test_the_other_methods(text: str, kind: Kind, data: dict[str, Any]) -> None:
    message = decode("{" + text + ', "namespace": "/chat", "host_id": "8c4e926293844f1b8e6fd52e39564602"}')
    assert message == Message(HOST, "/chat", kind, data)


class Published(socketio.PubSubManager):  # type: ignore[misc]
    """A manager that keeps what it publishes."""

    def __init__(self) -> None:
        super().__init__(write_only=True)
        self.published: list[bytes] = []

    def _publish(self, data: Any) -> None:
        self.published.append(json.dumps(data).encode())


def test_the_installed_version_writes_what_is_read() -> None:
    manager = Published()
    manager.emit("ev", ("a", b"\x01", {"b": b"\x02"}), room="r1", skip_sid="s1")
    manager.enter_room("s1", "/", "r9")
    manager.close_room("r9")
    reader = PythonFormat()
    messages = [reader.decode(body, 0) for body in manager.published]
    assert [message.kind for message in messages if message] == [Kind.BROADCAST, Kind.JOIN, Kind.LEAVE]
    assert messages[0] == emitted(["r1"], ["s1"], "ev", "a", b"\x01", {"b": b"\x02"})._replace(
        uid=manager.host_id
    )


# Pickles.


class Bomb:
    exploded = False

    def __reduce__(self) -> Any:
        return setattr, (Bomb, "exploded", True)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickled_message_is_refused_and_never_loaded(
    protocol: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    reader = PythonFormat("events")
    body = pickle.dumps({"method": "emit", "event": "ev", "data": Bomb()}, protocol)
    for second in (0, 1, 59.9, 60, 61):
        assert reader.decode(body, second) is None
    assert not Bomb.exploded
    assert reader.pickled == 5
    texts = [record.getMessage() for record in caplog.records]
    assert len(texts) == 2
    assert texts[1].startswith("refused a pickled message on the Redis channel 'events', 4 so far")
    assert "5.15.1" in texts[1]


# What can't be understood.


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "not JSON"),
        (b"[]", "expected an object"),
        (b"{}", "received the method None"),
        (b'{"method":[]}', r"received the method \[\]"),
        (b'{"method":"explode"}', "'explode', expected one of emit, disconnect"),
        (b'{"method":"emit","event":"ev","data":[],"namespace":1}', "a namespace on 'socketio'"),
        (b'{"method":"emit","event":"ev","binary":true,"data":[]}', "expected its data and attachments"),
        (b'{"method":"emit","event":"ev","binary":true,"data":[[],"AQI="]}', "can't be decoded"),
        (
            b'{"method":"emit","event":"ev","binary":true,"data":[[{"_placeholder":true,"num":0}],"!"]}',
            "can't be decoded",
        ),
    ],
)
def test_a_message_that_is_none(body: bytes, text: str) -> None:
    with pytest.raises(ClusterViolation, match=text):
        PythonFormat().decode(body, 0)


@given(
    st.binary(max_size=60)
    | st.dictionaries(
        st.sampled_from(["method", "event", "data", "binary", "namespace", "room", "skip_sid", "sid"]),
        st.none()
        | st.booleans()
        | st.text(max_size=3)
        | st.lists(st.text(max_size=3), max_size=3)
        | st.sampled_from(["emit", "enter_room", "close_room"]),
    ).map(lambda message: json.dumps(message).encode())
)
def test_any_bytes_give_a_message_or_a_violation(body: bytes) -> None:
    with suppress(ClusterViolation):
        PythonFormat().decode(body, 0)
