"""Whom an event is for is read as decoding the whole message reads it, and nothing else ever happens."""

from __future__ import annotations

import contextlib
from typing import Any

import msgpack
import orjson
from hypothesis import given
from hypothesis import strategies as st

from rtserver.cluster.head import audience_of, rooms_of
from rtserver.cluster.message import Kind, Message
from rtserver.cluster.reader import Reader
from rtserver.cluster.wire import decode
from rtserver.errors import ClusterViolation

# Pieces of the form itself, and what JSON writes in more than one character.
TRICKY = [
    '},"opts":{"rooms":["x"],"except":[],"flags":{}}},"uid":"u","nsp":"/"}',
    "]}}}",
    '"',
    "\\",
    "ä",
    "\n",
]
texts = st.text(max_size=5) | st.sampled_from(TRICKY) | st.lists(st.sampled_from(TRICKY)).map("".join)
scalars = texts | st.integers(-(2**53), 2**53) | st.booleans() | st.none() | st.floats(allow_nan=False)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
names = texts | st.integers(-100, 100)
opts = st.fixed_dictionaries(
    {
        "rooms": st.lists(names, max_size=3),
        "except": st.lists(names, max_size=3),
        "flags": st.dictionaries(texts, scalars, max_size=2),
    }
)
packets = st.fixed_dictionaries({"type": st.just(2), "data": st.lists(values, min_size=1, max_size=3)})
kinds = st.sampled_from([3, 3, 3, 4, 7])


def in_any_order(fields: dict[str, st.SearchStrategy[Any]], **optional: Any) -> st.SearchStrategy[Any]:
    made = st.fixed_dictionaries(fields, optional=optional)
    return made.flatmap(lambda each: st.permutations(list(each.items())).map(dict))


data = in_any_order({"packet": packets, "opts": opts}, requestId=st.text(max_size=3))
messages = in_any_order(
    {"uid": st.text(max_size=3), "nsp": st.sampled_from(["/", "/a", '/"', "/ä"]), "type": kinds, "data": data}
)


def is_event(message: Message) -> bool:
    return message.kind is Kind.BROADCAST and "requestId" not in message.data


@given(messages, st.booleans())
def test_the_audience_is_that_of_the_whole_message(message: Any, is_packed: bool) -> None:
    body = msgpack.packb(message) if is_packed else orjson.dumps(message)
    audience, whole = audience_of(body), decode(body)
    if audience is not None:
        assert is_event(whole)
        assert audience == (whole.namespace, whole.data["opts"]["rooms"])
    elif is_packed:  # in msgpack the order of the keys doesn't matter
        assert not is_event(whole)


@given(data, st.booleans())
def test_the_rooms_are_those_of_the_whole_data(fields: Any, is_packed: bool) -> None:
    body = msgpack.packb(fields) if is_packed else orjson.dumps(fields)
    rooms = rooms_of(body)
    if rooms is not None:
        assert "requestId" not in fields
        assert rooms == fields["opts"]["rooms"]


@given(messages, st.sampled_from([0, 1000]), st.booleans())
def test_a_reader_leaves_out_what_nobody_here_is_concerned_by(
    message: Any, size: int, is_packed: bool
) -> None:
    message["data"]["packet"]["data"].append("." * size)
    body = msgpack.packb(message) if is_packed else orjson.dumps(message)
    read, whole = Reader("nobody's", lambda namespace, room: room == "\n").read(body), decode(body)
    rooms = whole.data["opts"]["rooms"]
    assert read == (None if is_event(whole) and rooms and "\n" not in rooms else whole)


@given(
    st.binary(max_size=100)
    | st.tuples(messages.map(orjson.dumps), st.integers(0, 300), st.binary(max_size=3)).map(
        lambda each: each[0][: each[1]] + each[2] + each[0][each[1] + 1 :]
    )
    | st.tuples(messages.map(msgpack.packb), st.integers(0, 300), st.binary(max_size=3)).map(
        lambda each: each[0][: each[1]] + each[2] + each[0][each[1] + 1 :]
    ),
    st.booleans(),
)
def test_any_bytes_give_a_message_or_a_violation(body: bytes, is_large: bool) -> None:
    audience_of(body)
    rooms_of(body)
    with contextlib.suppress(ClusterViolation):
        Reader("me", lambda namespace, room: True).read(body + b" " * 1000 * is_large)
