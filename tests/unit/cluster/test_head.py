from __future__ import annotations

from typing import Any

import msgpack
import orjson
import pytest

from rtserver.cluster.head import Audience, audience_of, rooms_of
from rtserver.cluster.message import Kind, Message
from rtserver.cluster.wire import encode

NODES = (
    b'{"type":3,"data":{"packet":{"type":2,"data":["ev",1,{"a":"b"}]},'
    b'"opts":{"rooms":["r1","r2"],"except":["x"],"flags":{"compress":true,"timeout":800}}},'
    b'"uid":"a4d9938857504fe0","nsp":"/chat"}'
)
OURS = (
    b'{"uid":"a4d9938857504fe0","nsp":"/chat","type":3,"data":{'
    b'"opts":{"rooms":["r1","r2"],"except":["x"],"flags":{"conflate":"k"}},'
    b'"packet":{"type":2,"data":["ev",1,{"a":"b"}]}}}'
)
DATA = slice(OURS.index(b'"data":') + 7, -1)
NODES_DATA = slice(NODES.index(b'"data":') + 7, NODES.index(b',"uid"'))


@pytest.mark.parametrize(
    "body", [NODES, OURS, msgpack.packb(orjson.loads(NODES)), msgpack.packb(orjson.loads(OURS))]
)
def test_the_rooms_of_an_event_are_known(body: bytes) -> None:
    assert audience_of(body) == Audience("/chat", ["r1", "r2"])


@pytest.mark.parametrize("data", [NODES[NODES_DATA], OURS[DATA], msgpack.packb(orjson.loads(OURS[DATA]))])
def test_the_rooms_of_data_alone_are_known(data: bytes) -> None:
    assert rooms_of(data) == ["r1", "r2"]


def test_this_is_how_our_own_messages_look() -> None:
    opts = {"rooms": ["ä", 12], "except": [], "flags": {}, "seq": 7}
    for argument in ({"text": 'a "quoted" \\ word'}, b"\x00"):
        data = {"opts": opts, "packet": {"type": 2, "data": ["event", argument]}}
        assert audience_of(encode(Message("uid", "/", Kind.BROADCAST, data))) == Audience("/", ["ä", 12])


def test_the_packet_may_look_like_what_is_around_it() -> None:
    args = [
        "ev",
        '},"opts":{"rooms":["no"],"except":[],"flags":{}}},"uid":"u","nsp":"/"}',
        orjson.loads(NODES),
    ]
    for text in (NODES, OURS):
        message = orjson.loads(text)
        message["data"]["packet"]["data"] = args
        assert audience_of(orjson.dumps(message)) == Audience("/chat", ["r1", "r2"])
        assert audience_of(msgpack.packb(message)) == Audience("/chat", ["r1", "r2"])


def message(**changes: Any) -> dict[str, Any]:
    return {**orjson.loads(OURS), **changes}


@pytest.mark.parametrize(
    "body",
    [
        message(type=4),
        message(type=13),
        message(nsp=1),
        message(nsp='/"'),
        message(data=None),
        message(data={}),
        message(data={"opts": None, "packet": {"type": 2, "data": []}}),
        message(data={"opts": {"rooms": "x"}, "packet": {"type": 2, "data": []}}),
        message(data={**message()["data"], "requestId": "1"}),
        message(data={"requestId": "1", **message()["data"]}),
        {key: value for key, value in message().items() if key != "type"},
        {key: value for key, value in message().items() if key != "nsp"},
        {**{str(number): 0 for number in range(20)}, **message()},
        [],
    ],
)
def test_everything_else_is_left_to_decoding(body: Any) -> None:
    assert audience_of(orjson.dumps(body)) is None
    assert audience_of(msgpack.packb(body)) is None or body.get("nsp") == '/"'


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"}", b"\xc1", b"\x80", NODES[:-1], OURS[:-1], OURS + b" ", msgpack.packb(message())[:-1]],
)
def test_what_is_no_message_is_left_to_decoding(body: bytes) -> None:
    assert audience_of(body) is None


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"\x80", b"\xc0", NODES, b'{"opts":{"rooms":[,],"except":[],"flags":{}},"packet":{]}}'],
)
def test_what_is_no_data_of_an_event_is_left_to_decoding(data: bytes) -> None:
    assert rooms_of(data) is None


def test_a_request_with_its_id_in_between_is_left_to_decoding() -> None:
    """As Node's adapters write it."""
    assert audience_of(NODES.replace(b'},"opts"', b'},"requestId":"1","opts"')) is None
