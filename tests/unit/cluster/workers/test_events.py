from __future__ import annotations

from typing import Any

import pytest

from rtserver.cluster.message import Kind, Message
from rtserver.cluster.rooms import LocalRooms
from rtserver.cluster.workers.events import _MAX_KNOWN, EventForm
from rtserver.errors import ClusterViolation
from rtserver.server.namespace import Room
from rtserver.server.written import Written
from rtserver.socketio.json_codec import JsonCodec

LOBBY = b'\x01\x00\x15\x00\x00\x00\x00\x00\x00\x00\x00["/",["lobby"],[],{}]42["chat","Hello!"]'


class Rooms:
    """The rooms of a worker, of which it has only some."""

    def __init__(self, *here: Room) -> None:
        self.here = here
        self.asked = 0
        self.passed: list[tuple[str, int]] = []
        self.local = LocalRooms(
            self.has_clients, lambda namespace, room: room == "history", lambda observer: None
        )
        self.local.on_pass = lambda uid, number: self.passed.append((uid, number))

    def has_clients(self, namespace: str, room: Room) -> bool:
        self.asked += 1
        return namespace == "/" and room in self.here


def form(*here: Room) -> EventForm:
    return EventForm(JsonCodec(), Rooms(*here).local)


def event(*rooms: Room, args: Any = ("chat", "Hello!"), **more: Any) -> Message:
    opts = {"rooms": list(rooms), "except": [], "flags": {}, **more}
    return Message("aaaa", "/", Kind.BROADCAST, {"opts": opts, "packet": {"type": 2, "data": list(args)}})


def test_an_event_crosses_as_text() -> None:
    assert form().encode(event("lobby")) == LOBBY
    message = form("lobby").decode("aaaa", LOBBY)
    assert message is not None
    assert message[:3] == ("aaaa", "/", Kind.BROADCAST)
    assert message.data["opts"] == {"rooms": ["lobby"], "except": [], "flags": {}}
    written = message.data["packet"]
    assert isinstance(written, Written)
    assert written.outgoing.text == b'42["chat","Hello!"]'
    assert list(written) == ["chat", "Hello!"]


def test_flags_and_the_number_cross_too() -> None:
    sent = event("lobby", 7, flags={"volatile": True}, seq=2**40)
    body = form().encode(sent)
    assert body is not None
    message = form(7).decode("aaaa", body)
    assert message is not None
    assert message.data["opts"] == sent.data["opts"]


@pytest.mark.parametrize(
    "message",
    [
        event("lobby", args=["picture", b"\x00"]),
        event(frozenset("a")),
        event("x" * 70_000),
        event("lobby")._replace(data={**event("lobby").data, "requestId": "1"}),
        Message("aaaa", "/", Kind.JOIN, {"opts": {"rooms": ["lobby"]}}),
    ],
)
def test_other_messages_cross_in_the_general_form(message: Message) -> None:
    assert form().encode(message) is None


def test_what_can_not_be_serialized_is_refused() -> None:
    with pytest.raises(TypeError):
        form().encode(event("lobby", args=["chat", object()]))


@pytest.mark.parametrize("rooms", [(), ("lobby", "here"), ("here",), ("history",)])
def test_an_event_that_concerns_somebody_is_taken(rooms: tuple[str, ...]) -> None:
    body = form().encode(event(*rooms))
    assert body is not None
    assert form("here").decode("aaaa", body) is not None


def test_an_event_that_concerns_nobody_is_skipped_and_its_number_noted() -> None:
    rooms = Rooms("here")
    reader = EventForm(JsonCodec(), rooms.local)
    for sent in (event("lobby"), event("lobby", "other", seq=5), event("here")._replace(namespace="/a")):
        body = reader.encode(sent)
        assert body is not None
        assert reader.decode("aaaa", body) is None
    assert (reader.skipped, rooms.passed) == (3, [("aaaa", 5)])


def test_targets_are_remembered_within_bounds() -> None:
    reader = form()
    for number in range(_MAX_KNOWN + 10):
        body = reader.encode(event(f"room {number}"))
        assert body is not None
        reader.decode("aaaa", body)
        assert len(reader._known) <= _MAX_KNOWN


def test_a_long_target_is_not_remembered() -> None:
    reader = form("x" * 500)
    for room, known in (("x" * 500, 0), ("x" * 490, 1)):
        body = reader.encode(event(room))
        assert body is not None
        assert (reader.decode("aaaa", body) is not None) == (known == 0)
        assert len(reader._known) == known


@pytest.mark.parametrize(
    "body",
    [b"\x01", b"\x01\x00\x03", LOBBY[:20], b"\x01\x00\x02" + bytes(8) + b"[]", LOBBY.replace(b"[", b"{")],
)
def test_what_can_not_be_understood_is_refused(body: bytes) -> None:
    with pytest.raises(ClusterViolation, match=r"an event .*, which can't be understood: "):
        form().decode("aaaa", body)
