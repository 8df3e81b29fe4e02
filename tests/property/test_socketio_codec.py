"""Socket.IO codecs: what was encoded comes back, and anything at all gives a packet or a violation."""

from __future__ import annotations

import json
from typing import Any

import msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rtserver.engineio.outgoing import Outgoing
from rtserver.errors import SocketViolation
from rtserver.socketio.attachments import Reassembly
from rtserver.socketio.json_codec import JsonCodec
from rtserver.socketio.json_decoder import decode, decode_payload, decode_with
from rtserver.socketio.json_text import is_too_deep, loads
from rtserver.socketio.msgpack_codec import MsgpackCodec
from rtserver.socketio.packet import RESERVED_EVENTS, Limits, Packet, PacketType
from tests.property.values import characters, leaves

LIMITS = Limits(max_depth=8, max_event_name=20, max_attachments=3, max_id_digits=4, max_namespace=12)
WIDE = Limits(max_attachments=10_000)

values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(characters).filter(lambda key: key != "_placeholder"), inner)
    ),
    max_leaves=20,
)
events = st.text(characters, max_size=256).filter(lambda name: name not in RESERVED_EVENTS)
namespaces = st.just("/") | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=",?"), max_size=255
).map("/".__add__)
ids = st.none() | st.integers(0, 10**16 - 1)


def receive(codec: JsonCodec | MsgpackCodec, packet: bytes | Outgoing) -> Packet:
    """Decode what a codec has encoded, as the other side would."""
    outgoing = packet if isinstance(packet, Outgoing) else Outgoing(packet)
    if not outgoing.text:
        return codec.decode(outgoing.attachments[0])
    assert outgoing.text[:1] == b"4"
    decoded = codec.decode(outgoing.text[1:].decode())
    assert decoded[4] == len(outgoing.attachments)
    if outgoing.attachments:
        reassembly = Reassembly(decoded)
        for attachment in outgoing.attachments[:-1]:
            assert reassembly.add(attachment) is None
        complete = reassembly.add(outgoing.attachments[-1])
        assert complete is not None
        return complete
    return decoded


codecs = pytest.mark.parametrize(
    "codec", [JsonCodec(WIDE), JsonCodec(WIDE, json), MsgpackCodec(WIDE)], ids=["json", "module", "msgpack"]
)


@codecs
@given(namespace=namespaces, id_=ids, event=events, args=st.lists(values, max_size=4))
def test_event_round_trip(codec: Any, namespace: str, id_: int | None, event: str, args: list[Any]) -> None:
    expected = (PacketType.EVENT, namespace, id_, [event, *args], 0)
    assert receive(codec, codec.encode_event(namespace, id_, [event, *args])) == expected
    assert receive(codec, codec.encode_event_text(namespace, id_, (event, *args))) == expected


@codecs
@given(namespace=namespaces, id_=st.integers(0, 10**16 - 1), args=st.lists(values, max_size=4))
def test_ack_round_trip(codec: Any, namespace: str, id_: int, args: list[Any]) -> None:
    assert receive(codec, codec.encode_ack(namespace, id_, args)) == (PacketType.ACK, namespace, id_, args, 0)


texts = (
    st.text()
    | st.text(st.sampled_from('0123456[]{}",:-/?\\ud8_placeholdernum1true'))
    | st.builds(
        "{}{}{}{}".format,
        st.sampled_from("0123456"),
        st.sampled_from(["", "1-", "2-", "/a,", "1-/a,", "/a?b,"]),
        st.sampled_from(["", "0", "12", "٣", "1_0"]),
        st.recursive(
            st.sampled_from(
                ["1", '"a"', '"\\ud800"', "null", "NaN", '"["', '{"_placeholder":true,"num":0}', "1e999"]
            ),
            lambda inner: (
                st.lists(inner).map(lambda items: f"[{','.join(items)}]")
                | st.lists(inner).map(lambda items: "{" + ",".join(f'"k":{item}' for item in items) + "}")
            ),
        ),
    )
)


def result(function: Any, *args: Any) -> Any:
    try:
        return function(*args)
    except SocketViolation:
        return SocketViolation


@given(texts)
@example("2" + "[" * 100_000)
@example('2["\\ud800",' + "[" * 100_000)
@example("2[" + "1" * 10_000 + "]")
@example('2["\\ud800",' + "1" * 10_000 + "]")
@example('2["a",' + '{"a":' * 100_000)
def test_any_text(text: str) -> None:
    for limits in (LIMITS, Limits()):
        packet = result(decode, text, limits)
        # the short way is never another way
        assert repr(packet) == repr(result(decode_with, loads, text, limits))
        if packet is not SocketViolation and packet[4]:
            waiting = result(Reassembly, packet)
            if waiting is not SocketViolation:
                for _ in range(packet[4] - 1):
                    assert waiting.add(b"") is None
                assert waiting.add(b"") is not None


@given(st.binary() | texts.map(lambda text: b"4" + text.encode(errors="replace")), st.binary(max_size=4))
def test_any_payload(payload: bytes, wrong: bytes) -> None:
    for data in (payload, payload[: len(payload) // 2] + wrong + payload[len(payload) // 2 :]):
        try:
            text = data.decode()
        except UnicodeDecodeError:
            with pytest.raises(UnicodeDecodeError):
                decode_payload(data)
            continue
        packet = decode_payload(data)
        if isinstance(packet, tuple):
            assert repr(packet) == repr(decode_with(loads, text[1:]))
        else:
            assert packet == text


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


structures = st.recursive(
    st.text() | st.text(st.sampled_from('[]{}"\\')) | st.none(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.sampled_from('[]{}"\\a')), inner),
    max_leaves=50,
)


@given(structures, st.integers(1, 8), st.integers(0, 30))
def test_the_scanned_depth_is_the_parsed_depth(value: Any, limit: int, more: int) -> None:
    for _ in range(more):
        value = [value, "]"]
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        assert is_too_deep(text, limit) == (depth(value) > limit)
        assert is_too_deep(text, limit + more) == (depth(value) > limit + more)


packets = st.fixed_dictionaries(
    {"type": st.integers(-1, 5) | leaves, "nsp": namespaces | leaves},
    optional={"data": values, "id": ids | leaves, "options": values},
)


@given(
    st.binary()
    | packets.map(msgpack.packb)
    | st.tuples(packets.map(msgpack.packb), st.binary(max_size=4), st.integers(0, 200)).map(
        lambda parts: parts[0][: parts[2]] + parts[1] + parts[0][parts[2] :]
    )
    | st.lists(
        st.sampled_from(
            [
                b"\x91",
                b"\xdd\x00\x00\x01\x00",
                b"\x81",
                b"\xd4\x00\x00",
                b"\xc7\x08\x00",
                b"\xd7\xff",
                b"\x00",
            ]
        )
    ).map(lambda parts: b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1a" + b"".join(parts))
)
@example(b"\x91" * 100_000)
def test_any_msgpack(message: bytes) -> None:
    for limits in (LIMITS, Limits()):
        packet = result(MsgpackCodec(limits).decode, message)
        if packet is not SocketViolation:
            kind, namespace, id_, data, attachments = packet
            assert isinstance(kind, PacketType)
            assert isinstance(namespace, str)
            assert id_ is None or isinstance(id_, int)
            assert depth(data) <= limits.max_depth
            assert attachments == 0
