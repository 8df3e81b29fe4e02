from __future__ import annotations

import json
from typing import Any

import pytest

from rtserver.engineio.outgoing import Outgoing
from rtserver.errors import SocketViolation
from rtserver.socketio import json_codec
from rtserver.socketio.codec import Codec
from rtserver.socketio.json_codec import JsonCodec
from rtserver.socketio.packet import Limits, PacketType


@pytest.fixture(params=["built-in", "module"])
def codec(request: pytest.FixtureRequest) -> Codec:
    return JsonCodec() if request.param == "built-in" else JsonCodec(json_module=json)


def test_both_engines_write_the_same(codec: Codec) -> None:
    assert codec.encode_event("/", 1, ["a", 2.5]).text == b'421["a",2.5]'
    assert codec.encode_event_text("/x", None, ("a",)) == b'42/x,["a"]'
    assert codec.encode_ack("/", 3, [None]) == b"433[null]"
    assert codec.connect("/", {"sid": "a"}) == b'40{"sid":"a"}'
    assert codec.connect("/x") == b"40/x,"
    assert codec.connect_error("/", {"message": "no"}) == b'44{"message":"no"}'
    assert codec.disconnect("/x") == b"41/x,"
    binary = codec.encode_event_text("/", None, ["a", (b"1",)])
    assert isinstance(binary, Outgoing)
    assert binary.text == b'451-["a",[{"_placeholder":true,"num":0}]]'
    assert codec.encode_event("/", None, ["a", b"1"]).attachments == [b"1"]
    with pytest.raises(TypeError, match="event 'a' in namespace '/'"):
        codec.encode_event("/", None, ["a", object()])


def test_both_engines_read_the_same(codec: Codec) -> None:
    assert codec.decode('2/x,12["a",{"b":1}]') == (PacketType.EVENT, "/x", 12, ["a", {"b": 1}], 0)
    for data in (b"x", "2[", '2["connect"]', "9"):
        with pytest.raises(SocketViolation):
            codec.decode(data)


@pytest.mark.parametrize("module", [None, json])
def test_limits(module: Any) -> None:
    codec = JsonCodec(Limits(max_event_name=3), module)
    assert codec.limits == Limits(max_event_name=3)
    assert codec.decode('2["abc"]')[3] == ["abc"]
    with pytest.raises(SocketViolation, match="more than 3 characters"):
        codec.decode('2["abcd"]')


def test_a_module_can_keep_large_integers() -> None:
    assert JsonCodec(json_module=json).decode('2["a",18446744073709551616]')[3] == ["a", 2**64]


def test_nothing_is_added_to_the_functions_where_nothing_is_needed() -> None:
    codec = JsonCodec()
    assert codec.decode is json_codec.decode
    assert codec.encode_ack is json_codec.encode_ack
    assert codec.encode_event_text is json_codec.encode_event_text
