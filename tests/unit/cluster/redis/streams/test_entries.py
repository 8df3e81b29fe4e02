"""The entries are those that Node's adapter was seen to write and read."""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtserver.cluster.message import Kind, Message
from rtserver.cluster.redis.streams.entries import Entry, encode, is_durable, read
from rtserver.cluster.wire import pack
from rtserver.errors import ClusterViolation

OPTS: dict[str, Any] = {"rooms": ["r1"], "except": [], "flags": {}}
EVENT = Message(
    "3a9acb922455989f", "/", Kind.BROADCAST, {"opts": OPTS, "packet": {"type": 2, "data": ["ev", 1]}}
)
FIELDS = {
    b"uid": b"3a9acb922455989f",
    b"nsp": b"/",
    b"type": b"3",
    b"data": b'{"opts":{"rooms":["r1"],"except":[],"flags":{}},"packet":{"type":2,"data":["ev",1]}}',
}


def fields_of(entry: Entry) -> dict[bytes, bytes]:
    """Return the fields of an entry as Redis would."""
    values = [value.encode() if isinstance(value, str) else value for value in entry.fields()]
    return dict(zip(values[::2], values[1::2], strict=True))


def test_json_where_that_will_do() -> None:
    assert fields_of(encode(EVENT)) == FIELDS
    assert read(FIELDS).message() == EVENT


def test_what_node_writes() -> None:
    data = b"gqRvcHRzg6Vyb29tc5GicjGmZXhjZXB0kKVmbGFnc4CmcGFja2V0gqR0eXBlAqRkYXRhk6JwecQBAYGhawE="  # in Redis
    entry = read({b"uid": b"8f6539e7d199f3fd", b"nsp": b"/", b"type": b"3", b"data": data})
    assert entry.message().data == {"opts": OPTS, "packet": {"type": 2, "data": ["py", b"\x01", {"k": 1}]}}


def test_bytes_are_msgpack_in_base64() -> None:
    data = {"opts": OPTS, "packet": {"type": 2, "data": ["ev", b"\x00"]}}
    entry = encode(EVENT._replace(data=data))
    assert entry.data == b64encode(pack(data))
    assert read(fields_of(entry)).message().data == data


def test_entries_of_ours_have_a_number() -> None:
    entry = encode(EVENT, 17)
    assert entry.fields()[-2:] == ("seq", "17")
    assert read(fields_of(entry)) == entry
    assert read(FIELDS | {b"seq": b"x"}).seq is None
    assert read(FIELDS | {b"seq": b"9" * 17}).seq is None


def test_rooms_are_read_without_the_event() -> None:
    padding = "x" * 100
    data = {"opts": OPTS, "packet": {"type": 2, "data": ["ev", padding]}}
    assert encode(EVENT._replace(data=data)).rooms == ["r1"]
    data["packet"] = {"type": 2, "data": ["ev", b"\x00"]}
    assert encode(EVENT._replace(data=data)).rooms == ["r1"]
    assert encode(EVENT._replace(kind=Kind.LEAVE)).rooms is None


def test_data_may_be_absent() -> None:
    assert read({b"uid": b"u", b"nsp": b"/", b"type": b"5"}).message().data == {}


@pytest.mark.parametrize(
    "change",
    [{b"type": b"99"}, {b"type": b"x"}, {b"uid": b"\xff"}],
)
def test_what_is_no_entry(change: dict[bytes, bytes]) -> None:
    with pytest.raises(ClusterViolation, match="an entry of the stream"):
        read(FIELDS | change)
    with pytest.raises(ClusterViolation, match="an entry of the stream"):
        read({})


@pytest.mark.parametrize("data", [b"{", b"!", b"x", b64encode(b"\xc1"), b64encode(pack([1]))])
def test_what_is_no_data(data: bytes) -> None:
    with pytest.raises(ClusterViolation):
        read(FIELDS | {b"data": data}).message()


@given(st.dictionaries(st.sampled_from([*FIELDS, b"seq"]), st.binary(max_size=60) | st.sampled_from([b"3"])))
def test_anything_is_an_entry_or_a_violation(fields: dict[bytes, bytes]) -> None:
    with suppress(ClusterViolation):
        entry = read(FIELDS | fields)
        assert entry.rooms is None or isinstance(entry.rooms, list)
        assert isinstance(entry.message(), Message)


def test_what_goes_to_the_stream() -> None:
    durable = {Kind.BROADCAST, Kind.JOIN, Kind.LEAVE, Kind.DISCONNECT}
    assert {kind for kind in Kind if is_durable(EVENT._replace(kind=kind))} == durable
    assert not is_durable(EVENT._replace(data={**EVENT.data, "requestId": "1"}))
