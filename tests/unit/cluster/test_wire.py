from __future__ import annotations

from contextlib import suppress

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtserver.cluster.message import Kind, Message
from rtserver.cluster.wire import decode, encode, load, pack
from rtserver.errors import ClusterViolation

FETCH = Message("a4d9938857504fe0", "/", Kind.FETCH, {"requestId": "1"})


def test_json_where_that_will_do() -> None:
    body = encode(FETCH)
    assert body == b'{"uid":"a4d9938857504fe0","nsp":"/","type":7,"data":{"requestId":"1"}}'
    assert decode(body) == FETCH


def test_msgpack_where_there_are_bytes() -> None:
    message = Message("uid", "/chat", Kind.BROADCAST, {"packet": {"data": ["event", b"\x00\xff"]}})
    body = encode(message)
    assert body[:1] == b"\x84"
    assert decode(body) == message


def test_undefined_of_javascript_is_none() -> None:
    assert load(msgpack.packb({"a": msgpack.ExtType(0, b"\x00")})) == {"a": None}


def test_data_may_be_absent() -> None:
    assert decode(b'{"uid":"u","nsp":"/","type":13}') == Message("u", "/", Kind.CLOSE, {})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xc1",
        b'{"uid":1,"nsp":"/","type":3}',
        b'{"uid":"u","type":3}',
        b'{"uid":"u","nsp":"/","type":99}',
        b'{"uid":"u","nsp":"/","type":"x"}',
        b'{"uid":"u","nsp":"/","type":3,"data":[1]}',
    ],
)
def test_what_is_no_message(body: bytes) -> None:
    with pytest.raises(ClusterViolation, match="message of the cluster"):
        decode(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_violation(body: bytes) -> None:
    with suppress(ClusterViolation):
        assert isinstance(decode(body), Message)


def test_what_can_not_be_serialized() -> None:
    with pytest.raises(TypeError):
        pack(object())
