from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
import socketio
from socketio.packet import Packet

from rtserver.server.codecs import choose_codec
from rtserver.socketio.json_codec import JsonCodec
from rtserver.socketio.packet import Limits

LIMITS = Limits(max_depth=3)


@pytest.mark.parametrize("serializer", ["default", Packet])
def test_the_default(serializer: Any) -> None:
    codec = choose_codec(serializer, None, LIMITS)
    assert isinstance(codec, JsonCodec)
    assert codec.limits is LIMITS


def test_a_json_module_is_used_both_ways() -> None:
    class Module:
        @staticmethod
        def loads(text: str) -> Any:
            return json.loads(text.upper())

        @staticmethod
        def dumps(value: Any, **kwargs: Any) -> str:
            return json.dumps(value, **kwargs).lower()

    codec = choose_codec("default", Module, LIMITS)
    assert codec.decode('2["a"]')[3] == ["A"]
    assert codec.encode_event("/", None, ["A"]).text == b'42["a"]'


@pytest.mark.parametrize("module", [orjson, "json", SimpleNamespace(dumps=json.dumps)])
def test_what_is_no_json_module(module: Any) -> None:
    with pytest.raises(TypeError, match=r"json: received .*, expected a module .*separators"):
        choose_codec("default", module, LIMITS)


@pytest.mark.parametrize("serializer", ["msgpack", "class", "configured"])
def test_msgpack(serializer: str) -> None:
    from socketio.msgpack_packet import MsgPackPacket  # noqa: PLC0415

    chosen: Any = {
        "msgpack": "msgpack",
        "class": MsgPackPacket,
        "configured": MsgPackPacket.configure(dumps_default=str),
    }[serializer]
    codec = choose_codec(chosen, None, LIMITS)
    packet = MsgPackPacket(socketio.packet.EVENT, ["a", b"1"], "/", 7).encode()
    assert codec.decode(packet)[:4] == (2, "/", 7, ["a", b"1"])


def test_a_codec_of_the_applications_own() -> None:
    codec = JsonCodec()
    assert choose_codec(codec, None, LIMITS) is codec


def test_what_is_no_serializer() -> None:
    with pytest.raises(ValueError, match="'pickle'"):
        choose_codec("pickle", None, LIMITS)
    with pytest.raises(TypeError, match="encode_event"):
        choose_codec(object(), None, LIMITS)
