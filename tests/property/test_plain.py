"""Plain WebSocket clients: what was encoded comes back, and anything at all gives a packet or a violation."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rtserver.engineio.counters import Counters
from rtserver.engineio.outgoing import Outgoing
from rtserver.errors import PlainViolation
from rtserver.plain.json_form import JsonForm
from rtserver.plain.msgpack_form import MsgpackForm
from rtserver.plain.translator import Translator
from rtserver.socketio.json_codec import JsonCodec
from rtserver.socketio.msgpack_codec import MsgpackCodec
from rtserver.socketio.packet import RESERVED_EVENTS, Limits, Packet, PacketType
from tests.property.values import characters, leaves

LIMITS = Limits(max_depth=8, max_event_name=20, max_id_digits=4, max_namespace=12)

keys = st.sampled_from(["$bytes", "$$bytes", "$$$bytes", "bytes", "$"]) | st.text(characters)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(keys, inner)
        | st.dictionaries(st.sampled_from(["$bytes", "$$bytes"]), inner, min_size=1, max_size=1)
    ),
    max_leaves=20,
)
events = st.text(characters, max_size=256).filter(lambda name: name not in RESERVED_EVENTS)
namespaces = st.just("/") | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=",?"), max_size=255
).map("/".__add__)
ids = st.none() | st.integers(0, 10**16 - 1)
forms = pytest.mark.parametrize("form", [JsonForm(), MsgpackForm()], ids=["json", "msgpack"])


def whole(message: Outgoing) -> str | bytes:
    return message.text.decode() if message.text else message.attachments[0]


@forms
@given(namespace=namespaces, id_=ids, event=events, args=st.lists(values, max_size=4))
def test_an_event_says_the_same_both_ways(
    form: Any, namespace: str, id_: int | None, event: str, args: list[Any]
) -> None:
    packet: Packet = (PacketType.EVENT, namespace, id_, [event, *args], 0)
    assert form.decode(whole(form.encode(deepcopy(packet)))) == packet


@forms
@given(namespace=namespaces, id_=st.integers(0, 10**16 - 1), args=st.lists(values, max_size=4))
def test_an_ack_says_the_same_both_ways(form: Any, namespace: str, id_: int, args: list[Any]) -> None:
    packet: Packet = (PacketType.ACK, namespace, id_, args, 0)
    assert form.decode(whole(form.encode(deepcopy(packet)))) == packet


@pytest.mark.parametrize("codec", [JsonCodec(), MsgpackCodec()], ids=["json", "msgpack"])
@forms
@given(namespace=namespaces, id_=ids, args=st.builds(lambda *parts: [*parts], events, values, values))
def test_a_translated_event_is_the_event(
    codec: Any, form: Any, namespace: str, id_: int | None, args: list[Any]
) -> None:
    translator = Translator(codec, form, Counters())
    translated = translator.translate(codec.encode_event(namespace, id_, args))
    assert form.decode(whole(translated)) == (PacketType.EVENT, namespace, id_, args, 0)


objects = st.fixed_dictionaries(
    {"type": st.sampled_from(["connect", "event", "ack", "disconnect", "ping"]) | leaves},
    optional={
        "namespace": namespaces | leaves,
        "event": events | leaves,
        "data": values,
        "auth": values,
        "id": ids | leaves,
        "other": leaves,
    },
)


def jsonable(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"$bytes": value.hex()}
    if isinstance(value, list):
        return [jsonable(item) for item in value]
    return {key: jsonable(item) for key, item in value.items()} if isinstance(value, dict) else value


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


def result(form: JsonForm | MsgpackForm, message: str | bytes) -> Packet | PlainViolation | None:
    try:
        return form.decode(message)
    except PlainViolation as violation:
        return violation


def check(form: JsonForm | MsgpackForm, limits: Limits, message: str | bytes) -> None:
    packet = result(form, message)
    if packet is None:
        return
    if isinstance(packet, PlainViolation):
        assert packet.code in {1002, 1003, 1007, 1008}
        assert packet.reason
        return
    kind, namespace, id_, data, attachments = packet
    assert namespace.startswith("/")
    assert len(namespace) <= limits.max_namespace
    assert id_ is None or 0 <= id_ < 10**limits.max_id_digits
    assert depth(data) <= limits.max_depth
    assert attachments == 0
    if kind is PacketType.EVENT:
        assert isinstance(data[0], str)
        assert len(data[0]) <= limits.max_event_name
    elif kind is PacketType.ACK:
        assert isinstance(data, list)
        assert id_ is not None
    else:
        assert kind in {PacketType.CONNECT, PacketType.DISCONNECT}
        assert data is None or isinstance(data, dict)


@given(
    st.text()
    | st.text(st.sampled_from('[]{}",:\\u0024$bytesdataeventping1'))
    | objects.map(jsonable).map(json.dumps)
    | st.binary()
)
@example('{"type":"ack","id":1,"data":' + "[" * 100_000)
@example('{"$bytes":' * 100_000)
@example('{"type":"ack","id":1,"data":[' + "1" * 10_000 + "]}")
def test_any_json(message: str | bytes) -> None:
    for limits in (LIMITS, Limits()):
        check(JsonForm(limits), limits, message)


packed = objects.map(msgpack.packb)


@given(
    st.binary()
    | packed
    | st.tuples(packed, st.binary(max_size=4), st.integers(0, 200)).map(
        lambda parts: parts[0][: parts[2]] + parts[1] + parts[0][parts[2] :]
    )
    | st.text()
)
@example(b"\x81\xa4data" * 100_000)
@example(b"\x91" * 100_000)
def test_any_msgpack(message: str | bytes) -> None:
    for limits in (LIMITS, Limits()):
        check(MsgpackForm(limits), limits, message)
