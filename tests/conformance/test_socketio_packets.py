"""Socket.IO v5, "Packet encoding": the document's packets, to and from the wire, and what it forbids.

Each wire form is the content of one Engine.IO message; attachments follow in messages of their own.
"""

from __future__ import annotations

from typing import Any

import pytest

from rtserver.engineio.outgoing import Outgoing
from rtserver.errors import SocketViolation
from rtserver.socketio.attachments import Reassembly
from rtserver.socketio.json_codec import JsonCodec
from rtserver.socketio.packet import Packet, PacketType

CONNECT, DISCONNECT, EVENT, ACK = PacketType.CONNECT, PacketType.DISCONNECT, PacketType.EVENT, PacketType.ACK
CONNECT_ERROR = PacketType.CONNECT_ERROR
BUFFER, TWO, FOUR = b"\x01\x02\x03\x04", b"\x01\x02", b"\x03\x04"

EXAMPLES: list[tuple[str, PacketType, str, int | None, Any, str, list[bytes]]] = [
    ("connection to the main namespace", CONNECT, "/", None, None, "0", []),
    (
        "connection to a custom namespace",
        CONNECT,
        "/admin",
        None,
        {"sid": "oSO0OpakMV_3jnilAAAA"},
        '0/admin,{"sid":"oSO0OpakMV_3jnilAAAA"}',
        [],
    ),
    (
        "refused connection",
        CONNECT_ERROR,
        "/",
        None,
        {"message": "Not authorized"},
        '4{"message":"Not authorized"}',
        [],
    ),
    ("event", EVENT, "/", None, ["foo"], '2["foo"]', []),
    ("event in a namespace", EVENT, "/admin", None, ["bar"], '2/admin,["bar"]', []),
    (
        "binary event",
        EVENT,
        "/",
        None,
        ["baz", BUFFER],
        '51-["baz",{"_placeholder":true,"num":0}]',
        [BUFFER],
    ),
    (
        "binary event with two attachments",
        EVENT,
        "/admin",
        None,
        ["baz", TWO, FOUR],
        '52-/admin,["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
        [TWO, FOUR],
    ),
    ("event that asks for an answer", EVENT, "/", 12, ["foo"], '212["foo"]', []),
    ("answer", ACK, "/admin", 13, ["bar"], '3/admin,13["bar"]', []),
    (
        "binary answer",
        ACK,
        "/",
        15,
        ["bar", BUFFER],
        '61-15["bar",{"_placeholder":true,"num":0}]',
        [BUFFER],
    ),
    ("disconnection", DISCONNECT, "/", None, None, "1", []),
    ("disconnection from a namespace", DISCONNECT, "/admin", None, None, "1/admin,", []),
]
examples = pytest.mark.parametrize(
    ("kind", "namespace", "id_", "data", "text", "attachments"),
    [example[1:] for example in EXAMPLES],
    ids=[example[0] for example in EXAMPLES],
)
codec = JsonCodec()


@examples
def test_decode(
    *, kind: PacketType, namespace: str, id_: int | None, data: Any, text: str, attachments: list[bytes]
) -> None:
    packet: Packet | None = codec.decode(text)
    assert packet is not None
    assert packet[4] == len(attachments)
    if attachments:
        reassembly = Reassembly(packet)
        for attachment in attachments:
            assert packet is not None
            packet = reassembly.add(attachment) or packet
    assert packet == (kind, namespace, id_, data, 0)


@examples
def test_encode(
    *, kind: PacketType, namespace: str, id_: int | None, data: Any, text: str, attachments: list[bytes]
) -> None:
    encoded: bytes | Outgoing
    if kind is CONNECT:
        encoded = codec.connect(namespace, data)
    elif kind is CONNECT_ERROR:
        encoded = codec.connect_error(namespace, data)
    elif kind is DISCONNECT:
        encoded = codec.disconnect(namespace)
    elif kind is ACK:
        assert id_ is not None
        encoded = codec.encode_ack(namespace, id_, data)
    else:
        encoded = codec.encode_event(namespace, id_, data)
    outgoing = encoded if isinstance(encoded, Outgoing) else Outgoing(encoded)
    assert outgoing.text == b"4" + text.encode()
    assert list(outgoing.attachments) == attachments


def test_the_sample_session() -> None:
    # the messages of "Sample session" that carry Socket.IO packets, in both directions
    assert codec.connect("/", {"sid": "wZX3oN0bSVIhsaknAAAI"}) == b'40{"sid":"wZX3oN0bSVIhsaknAAAI"}'
    assert codec.encode_event("/", None, ["hey", "Jude"]).text == b'42["hey","Jude"]'
    assert codec.decode("0/admin,") == (CONNECT, "/admin", None, None, 0)
    assert codec.decode('2/admin,1["tellme"]') == (EVENT, "/admin", 1, ["tellme"], 0)
    answer = codec.encode_ack("/admin", 1, [b"\x01"])
    assert isinstance(answer, Outgoing)
    assert answer.text == b'461-/admin,1[{"_placeholder":true,"num":0}]'
    assert answer.websocket == b"\x81\x2b" + answer.text + b"\x82\x01\x01"
    assert answer.polling == answer.text + b"\x1ebAQ=="


@pytest.mark.parametrize(
    "text",
    [
        "2",  # "The payload is mandatory and MUST be a non-empty array": events
        "2{}",
        "2[]",
        '2"foo"',
        "31",  # "The payload is mandatory and MUST be an array (possibly empty)": acknowledgments
        "31{}",
        "1{}",
        "abc",
        "7[]",
        "",
    ],
)
def test_what_the_document_forbids(text: str) -> None:
    with pytest.raises(SocketViolation):
        codec.decode(text)
