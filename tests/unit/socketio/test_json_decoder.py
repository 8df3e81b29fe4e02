from __future__ import annotations

import json
from typing import Any

import pytest

from rtserver.errors import SocketViolation
from rtserver.socketio.json_decoder import decode, decode_payload, decode_with
from rtserver.socketio.json_text import loads
from rtserver.socketio.packet import Limits, Packet, PacketType

CONNECT, DISCONNECT, EVENT, ACK = PacketType.CONNECT, PacketType.DISCONNECT, PacketType.EVENT, PacketType.ACK


def both_ways(text: str, limits: Limits) -> Packet:
    """Decode with the short way open and without it, and by the short way alone: they must agree."""
    try:
        packet = decode_with(loads, text, limits)
    except SocketViolation:
        with pytest.raises(SocketViolation):
            decode(text, limits)
        assert decode_payload(f"4{text}".encode(), limits) == f"4{text}"
        raise
    assert decode(text, limits) == packet
    assert decode_payload(f"4{text}".encode(), limits) in (packet, f"4{text}")
    return packet


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ("0", (CONNECT, "/", None, None, 0)),
        ('0{"token":"123"}', (CONNECT, "/", None, {"token": "123"}, 0)),
        ('0"token"', (CONNECT, "/", None, "token", 0)),
        ('0/admin,["token"]', (CONNECT, "/admin", None, ["token"], 0)),
        ("0/admin,", (CONNECT, "/admin", None, None, 0)),
        ("0/admin", (CONNECT, "/admin", None, None, 0)),
        (
            '0/admin,{"sid":"oSO0OpakMV_3jnilAAAA"}',
            (CONNECT, "/admin", None, {"sid": "oSO0OpakMV_3jnilAAAA"}, 0),
        ),
        ("0/admin?token=1,{}", (CONNECT, "/admin", None, {}, 0)),
        (
            "0/admin?token=x%26y&b=&c=1&c=2,",
            (CONNECT, "/admin", None, {"token": "x&y", "b": "", "c": "2"}, 0),
        ),
        ("0/admin?token=" + "x" * 8186 + ",", (CONNECT, "/admin", None, {"token": "x" * 8186}, 0)),
        ("0/admin?token=1", (CONNECT, "/admin", None, {"token": "1"}, 0)),
        ("0/admin?,", (CONNECT, "/admin", None, None, 0)),
        ("1/admin?token=1,", (DISCONNECT, "/admin", None, None, 0)),
        ("1", (DISCONNECT, "/", None, None, 0)),
        ("1/admin,", (DISCONNECT, "/admin", None, None, 0)),
        ('2["foo"]', (EVENT, "/", None, ["foo"], 0)),
        ('2/admin,["bar"]', (EVENT, "/admin", None, ["bar"], 0)),
        ('212["foo"]', (EVENT, "/", 12, ["foo"], 0)),
        ('20["foo"]', (EVENT, "/", 0, ["foo"], 0)),
        ('2/admin,13["foo",1]', (EVENT, "/admin", 13, ["foo", 1], 0)),
        ('2/admin?a=1,13["foo"]', (EVENT, "/admin", 13, ["foo"], 0)),
        ('2/?a=1,["foo"]', (EVENT, "/", None, ["foo"], 0)),
        ('2/admin?a=[],13["foo"]', (EVENT, "/admin", 13, ["foo"], 0)),
        ('2/a[b,1["foo"]', (EVENT, "/a[b", 1, ["foo"], 0)),
        ('2 ["foo"]', (EVENT, "/", None, ["foo"], 0)),
        ('2[ "foo" ]', (EVENT, "/", None, ["foo"], 0)),
        ('29007199254740991["foo"]', (EVENT, "/", 9007199254740991, ["foo"], 0)),
        ("2[7]", (EVENT, "/", None, ["7"], 0)),
        ('2["é€😀","\\ud83d\\ude00\\u0000"]', (EVENT, "/", None, ["é€😀", "😀\0"], 0)),
        ('3/admin,13["bar"]', (ACK, "/admin", 13, ["bar"], 0)),
        ("315[]", (ACK, "/", 15, [], 0)),
        ('315["connect"]', (ACK, "/", 15, ["connect"], 0)),
        (
            '4{"message":"Not authorized"}',
            (PacketType.CONNECT_ERROR, "/", None, {"message": "Not authorized"}, 0),
        ),
        ('4"no"', (PacketType.CONNECT_ERROR, "/", None, "no", 0)),
        (
            '51-["baz",{"_placeholder":true,"num":0}]',
            (EVENT, "/", None, ["baz", {"_placeholder": True, "num": 0}], 1),
        ),
        ('52-/admin,["baz"]', (EVENT, "/admin", None, ["baz"], 2)),
        ('510-/admin,7["baz"]', (EVENT, "/admin", 7, ["baz"], 10)),
        ('50-["baz"]', (EVENT, "/", None, ["baz"], 0)),
        (
            '61-15["bar",{"_placeholder":true,"num":0}]',
            (ACK, "/", 15, ["bar", {"_placeholder": True, "num": 0}], 1),
        ),
        ('62-/admin,1[{"_placeholder":true}]', (ACK, "/admin", 1, [{"_placeholder": True}], 2)),
    ],
)
def test_decode(text: str, packet: Any) -> None:
    assert both_ways(text, Limits()) == packet


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "an empty packet"),
        ("7", "unknown packet type '7': expected 0 to 6"),
        ("a", "unknown packet type 'a'"),
        ("-1", "unknown packet type '-'"),
        ("٢[1]", "unknown packet type '٢'"),
        ("[1]", r"unknown packet type '\['"),
        ("0true", "the data of CONNECT must be an object: received bool"),
        ("0null", "the data of CONNECT must be an object: received NoneType"),
        ("0false", "the data of CONNECT must be an object: received bool"),
        ("0{", "data that is not JSON"),
        ("1{}", "a packet of type DISCONNECT has no data"),
        ("2", "a packet of type EVENT needs data: received '2'"),
        ("2/admin,", "a packet of type EVENT needs data"),
        ('2/admin["a"]', "a packet of type EVENT needs data"),
        ("212", "a packet of type EVENT needs data"),
        ("2{}", "the data of an event must be an array"),
        ("2[]", "the data of an event must be an array"),
        ('2"a"', "the data of an event must be an array"),
        ("2[null]", "the name of an event must be a string"),
        ("2[[]]", "the name of an event must be a string"),
        ('2["disconnect"]', "the event name 'disconnect' is reserved"),
        ('2["a"', "data that is not JSON .*: received"),
        ('2["a"]]', "data that is not JSON"),
        ('2["a",NaN]', "data that is not JSON"),
        ('2-1["a"]', "data that is not JSON"),
        ('2+1["a"]', "data that is not JSON"),
        ('21_0["a"]', "data that is not JSON"),
        ('2٣["a"]', "data that is not JSON"),
        ('2²["a"]', "data that is not JSON"),
        ('212345678901234567["a"]', "an ack id of more than 16 digits"),
        ('3["a"]', "an acknowledgment without an id"),
        ("31", "a packet of type ACK needs data"),
        ("31{}", "the data of ACK must be an array"),
        ("4", "a packet of type CONNECT_ERROR needs data"),
        ('5["a"]', "needs its number of attachments, at most 10, and a hyphen"),
        ('5-["a"]', "needs its number of attachments"),
        ('51["a"]', "needs its number of attachments"),
        ('511-["a"]', "needs its number of attachments"),
        ('5001-["a"]', "needs its number of attachments"),
        ('5²-["a"]', "needs its number of attachments"),
        ('51.0-["a"]', "needs its number of attachments"),
        ('5+1-["a"]', "needs its number of attachments"),
        ("5" + "9" * 5000 + '-["a"]', "needs its number of attachments"),
        ("51-", "a packet of type EVENT needs data"),
        ('51-["connect",{"_placeholder":true,"num":0}]', "the event name 'connect' is reserved"),
        ("61-[1]", "an acknowledgment without an id"),
        ("0/" + "a" * 256 + ",", "a namespace of more than 256 characters"),
        ("0/" + "a" * 256, "a namespace of more than 256 characters"),
        ("0/" + "a" * 256 + "?token=1,", "a namespace of more than 256 characters"),
        ("0/admin?" + "a" * 8193 + ",", "a namespace whose query has more than 8192 characters"),
        ("2/" + "a" * 256 + ',["a"]', "a namespace of more than 256 characters"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(SocketViolation, match=message) as info:
        both_ways(text, Limits())
    assert len(str(info.value)) < 300


def test_bytes_are_refused() -> None:
    with pytest.raises(SocketViolation, match="a binary message of 2 bytes that no packet has announced"):
        decode(b"2[")


@pytest.mark.parametrize(
    ("payload", "packet"),
    [
        ('42["foo"]', (EVENT, "/", None, ["foo"], 0)),
        ('42/é,12["föö","€😀"]', (EVENT, "/é", 12, ["föö", "€😀"], 0)),
        (
            '42["foo",["%s",{"a":[]}]]' % ("é[" * 5000),
            (EVENT, "/", None, ["foo", ["é[" * 5000, {"a": []}]], 0),
        ),
        ('4315["%s"]' % ("x" * 5000), (ACK, "/", 15, ["x" * 5000], 0)),
    ],
)
def test_the_short_way_decodes_events_and_acks(payload: str, packet: Any) -> None:
    assert decode_payload(payload.encode()) == packet


@pytest.mark.parametrize("packet", ["", "2", "3probe", "1", "5", "[", '2["a"]', '32["a"]', '2[["a"]]'])
def test_the_short_way_leaves_other_packets_of_engine_io(packet: str) -> None:
    assert decode_payload(packet.encode()) == packet


WRONG_UTF8 = [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"]


@pytest.mark.parametrize("wrong", WRONG_UTF8)
@pytest.mark.parametrize("filler", [b"", b"x" * 5000])
def test_wrong_utf8_does_not_go_unnoticed_wherever_it_stands(wrong: bytes, filler: bytes) -> None:
    for payload in (
        b'42["foo","%b%b"]' % (filler, wrong),
        b'42["foo","%b"]%b' % (filler, wrong),
        b'42["%b"]' % wrong,
        b'4%b2["foo"]' % wrong,
        b'42/%b,["foo","%b"]' % (wrong, filler),
        b'42/a?%b,["foo"]' % wrong,
        b"43%b[]" % wrong,
        b'4312["%b%b"]' % (filler, wrong),
        b'451-["foo","%b"]' % wrong,
        b"4%b" % wrong,
        wrong,
    ):
        with pytest.raises(UnicodeDecodeError):
            decode_payload(payload)


def test_a_namespace_cannot_hide_how_deep_the_data_is() -> None:
    text = '2/",["a",' + "[" * 200 + "]" * 200 + ',"' + "x" * 300 + '"]'
    with pytest.raises(SocketViolation, match="data nested deeper than 128 levels"):
        both_ways(text, Limits())


def test_a_namespace_at_its_limit() -> None:
    namespace = "/" + "a" * 255
    assert decode(f'2{namespace},1["a"]') == (EVENT, namespace, 1, ["a"], 0)


LIMITS = Limits(max_depth=5, max_event_name=20, max_attachments=2, max_id_digits=3, max_namespace=10)


@pytest.mark.parametrize(
    "text",
    [
        '2["' + "n" * 20 + '"]',
        '2["' + "\\u0041" * 20 + '"]',
        '2["a","' + "x" * 5000 + '"]',
        '2["a",' + "[" * 4 + "]" * 4 + "]",
        '2["a",' + "{}," * 400 + "{}]",
        '2["a","' + "[" * 400 + '"]',
        '3999["' + "n" * 400 + '"]',
        '52-/name,999["a"]',
        '2/123456789,999["a"]',
        '2[  "a"]',
    ],
)
def test_within_the_limits(text: str) -> None:
    assert json.loads(text[text.index("[") :]) == both_ways(text, LIMITS)[3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('2["' + "n" * 21 + '"]', "an event name of more than 20 characters"),
        ('2["' + "n" * 900 + '"]', "an event name of more than 20 characters"),
        ('2 [ \n"' + "n" * 900 + '"]', "an event name of more than 20 characters"),
        ('2[ \n"' + "n" * 900 + '"]', "an event name of more than 20 characters"),
        ('2["' + "\\u0041" * 21 + '"]', "an event name of more than 20 characters"),
        ('2/a,1["' + "n" * 21 + '"]', "an event name of more than 20 characters"),
        ('51-["' + "n" * 21 + '"]', "an event name of more than 20 characters"),
        ('2["a",' + "[" * 5 + "]" * 5 + "]", "nested deeper than 5 levels"),
        ('2["a",' + '{"":' * 5 + "0" + "}" * 5 + "]", "nested deeper than 5 levels"),
        ("31" + "[" * 6 + "]" * 6, "nested deeper than 5 levels"),
        ("0" + '{"":' * 6 + "0" + "}" * 6, "nested deeper than 5 levels"),
        ("2[" + "[" * 100_000, "nested deeper than 5 levels"),
        ('53-["a"]', "at most 2"),
        ('21000["a"]', "an ack id of more than 3 digits"),
        ('2/1234567890,["a"]', "a namespace of more than 10 characters"),
    ],
)
def test_beyond_the_limits(text: str, message: str) -> None:
    with pytest.raises(SocketViolation, match=message):
        both_ways(text, LIMITS)


def test_what_breaks_a_limit_is_never_parsed() -> None:
    def parse(text: str) -> Any:
        raise AssertionError("parsed")

    for text in (
        '2["' + "n" * 900 + '"]',
        "2" + "[" * 100_000,
        '59-["a"]',
        '2/12345678901["a"]',
        '21234["a"]',
    ):
        with pytest.raises(SocketViolation):
            decode_with(parse, text, LIMITS)


def test_deep_json_of_the_default_limits() -> None:
    text = '2["a",' + "[" * 127 + "]" * 127 + "]"
    assert decode(text)[0] is EVENT
    with pytest.raises(SocketViolation, match="deeper than 128"):
        decode('2["a",' + "[" * 128 + "]" * 128 + "]")
