from __future__ import annotations

from base64 import b64decode, b64encode
from contextlib import suppress
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtserver.cluster.redis.streams.offsets import START, Offset, StreamId
from rtserver.cluster.redis.streams.session import (
    Move,
    Record,
    StreamSession,
    decode,
    encode,
    record_of,
)
from rtserver.cluster.wire import pack
from rtserver.errors import ClusterViolation
from rtserver.server.recovery.session import MAX_MOVES

PLACE = Offset(StreamId(5, 1), 2, "own")


class Place:
    """Where a stream has come to."""

    def __init__(self) -> None:
        self.offset = PLACE

    def position(self) -> int:
        return self.offset.position

    def oldest(self) -> int:
        return 0


def session(place: Place, earlier: Record | None = None) -> StreamSession:
    made = StreamSession("pid", "sid", "/", place, uid="own", opened_at=0.0, earlier=earlier)
    made.rooms, made.data = ("a", 7), {"name": "Ada", "bytes": b"\x00"}
    return made


def test_node_finds_its_own_fields() -> None:
    loaded: dict[str, Any] = msgpack.unpackb(b64decode(encode(record_of(session(Place()), False))))
    assert {key: loaded[key] for key in ("sid", "pid", "rooms", "data")} == {
        "sid": "sid",
        "pid": "pid",
        "rooms": ["sid", "a", 7],
        "data": {"name": "Ada", "bytes": b"\x00"},
    }


def test_what_node_keeps() -> None:
    node = {"sid": "s", "pid": "p", "rooms": ["s", "a"], "data": {}}
    record = decode(b64encode(pack(node)))
    assert record == Record("s", "p", ("a",), {})
    assert not record.is_ours


def test_what_was_kept_is_read() -> None:
    place = Place()
    client = session(place)
    client.rooms = ()
    client.moved("b", True)
    place.offset = Offset(StreamId(6, 0), 3, "own")
    client.moved("b", False)
    client.rooms = ("a", 7)
    record = record_of(client, True)
    assert record.moves == [Move(PLACE, "b", True), Move(place.offset, "b", False)]
    assert decode(encode(record)) == record
    assert (record.begin, record.is_leaving, record.is_ours) == (PLACE, True, True)


def test_rooms_that_mean_nothing_elsewhere_stay_here() -> None:
    client = session(Place())
    client.rooms = ("a", ("a", "tuple"))
    assert decode(encode(record_of(client, False))).rooms == ("a",)


def test_data_that_can_not_be_kept() -> None:
    client = session(Place())
    client.data = {"object": object()}
    with pytest.raises(TypeError):
        encode(record_of(client, False))


def test_moves_at_other_servers_come_along_and_are_bounded() -> None:
    there = [Move(Offset(StreamId(number, 0), 0, "other"), "r", True) for number in range(1, MAX_MOVES)]
    earlier = Record("sid", "pid", (), None, "/", floor=Offset(START), moves=there)
    client = session(Place(), earlier)
    assert record_of(client, False).floor == Offset(START)
    client.rooms = ()
    for room in ("x", "y"):
        client.moved(room, True)
    record = record_of(client, False)
    assert [move.room for move in record.moves[-2:]] == ["x", "y"]
    assert len(record.moves) == MAX_MOVES
    assert record.floor == there[0].after


@pytest.mark.parametrize(
    "value",
    [
        b"x",
        b"",
        b64encode(b"\xc1"),
        b64encode(pack([1])),
        b64encode(pack({"sid": "s", "pid": "p"})),
        b64encode(pack({"sid": "s", "pid": "p", "rooms": [], "rtserver": 1})),
        b64encode(pack({"sid": "s", "pid": "p", "rooms": [], "rtserver": {"nsp": "/", "moves": []}})),
    ],
)
def test_what_is_no_session(value: bytes) -> None:
    with pytest.raises(ClusterViolation, match=r"received|a session"):
        decode(value)


json = st.sampled_from(
    [
        *[None, True, 7, 2**70, "", "x", "5-0", "5-0~u~1", b"\x00", {}, {"a": 1}, [], [7], [[[]]], [["5-0"]]],
        *[[["5-0", "a", True]], [["5-0", ["a"], True]], [["x", "a", True]], ["5-0", "a", True]],
    ]
)
OWN = record_of(session(Place()), False)


@given(st.dictionaries(st.sampled_from(["nsp", "begin", "left", "floor", "moves", "leaving"]), json))
def test_anything_is_a_session_or_a_violation(change: dict[str, Any]) -> None:
    loaded = msgpack.unpackb(b64decode(encode(OWN)))
    loaded["rtserver"] |= change
    with suppress(ClusterViolation):
        assert isinstance(decode(b64encode(pack(loaded))), Record)
