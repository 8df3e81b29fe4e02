"""What comes from another worker: the same messages, however the stream is cut; and errors as documented."""

from __future__ import annotations

from contextlib import suppress

import orjson
from hypothesis import given
from hypothesis import strategies as st

from rtserver.cluster.message import Kind, Message
from rtserver.cluster.rooms import LocalRooms
from rtserver.cluster.workers.events import EventForm
from rtserver.cluster.workers.frames import FrameParser, frame
from rtserver.errors import ClusterViolation
from rtserver.socketio.json_codec import JsonCodec

LIMIT = 300
bodies = st.lists(st.binary(max_size=LIMIT), max_size=8)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    return [data[begin:end] for begin, end in zip([0, *places], [*places, len(data)], strict=True)]


@given(bodies, st.lists(st.integers(0, 10_000), max_size=40))
def test_any_chunking_gives_the_same_messages(sent: list[bytes], cuts: list[int]) -> None:
    parser = FrameParser(LIMIT)
    stream = b"".join(map(frame, sent))
    assert [body for piece in pieces(stream, cuts) for body in parser.feed(piece)] == sent


@given(bodies)
def test_one_byte_at_a_time(sent: list[bytes]) -> None:
    parser = FrameParser(LIMIT)
    stream = b"".join(map(frame, sent))
    assert [body for byte in stream for body in parser.feed(bytes([byte]))] == sent


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_any_bytes_give_messages_within_the_limit_or_the_documented_error(chunks: list[bytes]) -> None:
    parser = FrameParser(LIMIT)
    with suppress(ClusterViolation):
        for chunk in chunks:
            assert all(len(body) <= LIMIT for body in parser.feed(chunk))
            assert sum(map(len, parser._held)) < LIMIT + 4


names = st.text(max_size=5) | st.integers(-(2**40), 2**40)
values = st.recursive(st.none() | st.booleans() | names, st.lists, max_leaves=5)
events = st.builds(
    lambda namespace, rooms, others, volatile, number, args: Message(
        *("aaaa", namespace, Kind.BROADCAST),
        {
            "opts": {"rooms": rooms, "except": others, "flags": {"volatile": True} if volatile else {}}
            | ({"seq": number} if number else {}),
            "packet": {"type": 2, "data": ["event", *args]},
        },
    ),
    st.text(max_size=5).filter(lambda name: "," not in name).map("/".__add__),
    *(st.lists(names, max_size=3), st.lists(names, max_size=3), st.booleans()),
    *(st.integers(0, 2**64 - 1), st.lists(values, max_size=3)),
)


def form() -> EventForm:
    rooms = LocalRooms(
        lambda namespace, room: bool(room), lambda namespace, room: room == "", lambda observer: None
    )
    return EventForm(JsonCodec(), rooms)


@given(events)
def test_an_event_comes_as_it_was_sent(sent: Message) -> None:
    body = form().encode(sent)
    assert body is not None
    came = form().decode("aaaa", body)
    if came is None:
        assert set(sent.data["opts"]["rooms"]) == {0}
        return
    assert (came.namespace, came.data["opts"]) == (sent.namespace, sent.data["opts"])
    assert list(came.data["packet"]) == sent.data["packet"]["data"]


@given(st.binary(max_size=60), st.recursive(values, st.lists, max_leaves=8))
def test_any_bytes_are_an_event_or_the_documented_error(rest: bytes, target: object) -> None:
    head = orjson.dumps(target)
    for body in (b"\x01" + rest, b"\x01" + len(head).to_bytes(2, "big") + bytes(8) + head + rest):
        with suppress(ClusterViolation):
            form().decode("aaaa", body)
