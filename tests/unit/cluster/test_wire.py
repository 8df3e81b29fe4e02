from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from uuid import UUID

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


@pytest.mark.parametrize("kind", [Kind.LOCATE, Kind.LOCATED, Kind.TAKE, Kind.TAKEN])
def test_what_only_our_servers_ask_has_a_number_that_is_no_one_elses(kind: Kind) -> None:
    message = Message("uid", "/", kind, {"requestId": "1"})
    assert decode(encode(message)) == message
    assert kind > 200


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
        msgpack.packb({"uid": "u", "nsp": "/", "type": float("inf")}),
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


def test_what_orjson_knows_is_packed_as_json_has_it() -> None:
    id = UUID(int=1)
    assert load(pack([id, 2**70, "\ud800", datetime(2026, 1, 1)])) == [
        str(id),
        float(2**70),
        "�",
        "2026-01-01T00:00:00",
    ]


def test_what_no_one_knows_is_an_error() -> None:
    with pytest.raises(TypeError, match="object of type object"):
        pack([b"", object()])
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(TypeError, match="can't be serialized"):
        pack(endless)


def test_the_older_adapters_messages_have_no_number_here() -> None:
    with pytest.raises(ClusterViolation, match="expected 1 to 13"):
        decode(b'{"uid":"u","nsp":"/","type":101}')
