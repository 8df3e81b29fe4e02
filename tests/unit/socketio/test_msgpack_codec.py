from __future__ import annotations

import time
import tracemalloc
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgpack
import pytest
from socketio.msgpack_packet import MsgPackPacket

from rtserver.errors import SocketViolation
from rtserver.socketio.msgpack_codec import MsgpackCodec
from rtserver.socketio.packet import Limits, Packet, PacketType

CONNECT, DISCONNECT, EVENT, ACK = PacketType.CONNECT, PacketType.DISCONNECT, PacketType.EVENT, PacketType.ACK
codec = MsgpackCodec()


# Recorded from socket.io-msgpack-parser 3.0.2, which writes undefined, Date and ArrayBuffer as extensions.
@pytest.mark.parametrize(
    ("hexadecimal", "packet"),
    [
        ("83a47479706500a464617461d40000a36e7370a12f", (CONNECT, "/", None, None, 0)),
        ("83a47479706501a464617461d40000a36e7370a12f", (DISCONNECT, "/", None, None, 0)),
        ("84a47479706503a46461746190a36e7370a12fa2696400", (ACK, "/", 0, [], 0)),
        (
            "85a47479706502a46461746197a16101cb4004000000000000c0d40000c402010281a17891c3a76f7074696f6e73"
            "81a8636f6d7072657373c3a36e7370a62f61646d696ea269640c",
            (EVENT, "/admin", 12, ["a", 1, 2.5, None, None, b"\1\2", {"x": [True]}], 0),
        ),
        (
            "83a47479706502a46461746193a164d7000000018bcfe5687bd700fffffffffffffffba36e7370a12f",
            (
                EVENT,
                "/",
                None,
                [
                    "d",
                    datetime(2023, 11, 14, 22, 13, 20, 123_000, UTC),
                    datetime(1969, 12, 31, 23, 59, 59, 995_000, UTC),
                ],
                0,
            ),
        ),
        (
            "83a47479706502a46461746194a162c708000102030405060708c7010000c7030000000" + "0a36e7370a12f",
            (EVENT, "/", None, ["b", b"\1\2\3\4\5\6\7\10", b"\0", b"\0\0\0"], 0),
        ),
    ],
)
def test_javascript(hexadecimal: str, packet: Packet) -> None:
    assert codec.decode(bytes.fromhex(hexadecimal)) == packet


def test_an_array_buffer_beside_a_date() -> None:
    buffer, date = bytes.fromhex("c708000000000000000001"), bytes.fromhex("d7000000000000000002")
    message = b"\x83\xa4type\x02\xa4data\x93\xa1a" + buffer + date + b"\xa3nsp\xa1/"
    assert codec.decode(message)[3] == ["a", bytes(7) + b"\1", datetime(1970, 1, 1, 0, 0, 0, 2000, UTC)]


def test_wire_form() -> None:
    outgoing = codec.encode_event("/admin", 12, ("a", b"\1", None))
    assert outgoing.text == b""
    assert outgoing.attachments == (
        b"\x84\xa4type\x02\xa4data\x93\xa1a\xc4\x01\x01\xc0\xa3nsp\xa6/admin\xa2id\x0c",
    )
    assert codec.encode_event("/", None, ["a"]).attachments == (
        b"\x83\xa4type\x02\xa4data\x91\xa1a\xa3nsp\xa1/",
    )
    assert codec.encode_ack("/", 0, []).attachments == (
        b"\x84\xa4type\x03\xa4data\x90\xa3nsp\xa1/\xa2id\x00",
    )
    assert codec.connect("/").attachments == (b"\x82\xa4type\x00\xa3nsp\xa1/",)
    assert codec.disconnect("/").attachments == (b"\x82\xa4type\x01\xa3nsp\xa1/",)


@pytest.mark.parametrize(
    ("outgoing", "fields"),
    [
        (codec.encode_event("/x", 3, ["a", b"b"]), (2, "/x", 3, ["a", b"b"])),
        (codec.encode_event_text("/x", None, ["a"]), (2, "/x", None, ["a"])),
        (codec.encode_ack("/", 3, ("ok",)), (3, "/", 3, ["ok"])),
        (codec.connect("/", {"sid": "s"}), (0, "/", None, {"sid": "s"})),
        (codec.connect_error("/", {"message": "no"}), (4, "/", None, {"message": "no"})),
        (codec.disconnect("/x"), (1, "/x", None, None)),
    ],
)
def test_python_socketio_reads_it(outgoing: Any, fields: tuple[Any, ...]) -> None:
    theirs = MsgPackPacket(encoded_packet=outgoing.attachments[0])
    assert (theirs.packet_type, theirs.namespace, theirs.id, theirs.data) == fields


@pytest.mark.parametrize(
    ("kind", "data", "id_"),
    [
        (0, None, None),
        (0, {"token": 1}, None),
        (1, None, None),
        (2, ["a", {"b": b"c"}], None),
        (2, ["a"], 7),
        (3, [], 8),
    ],
)
def test_python_socketio_writes_it(kind: int, data: Any, id_: int | None) -> None:
    theirs = MsgPackPacket(packet_type=kind, data=data, namespace="/n", id=id_)
    assert codec.decode(theirs.encode()) == (kind, "/n", id_, data, 0)


def round_trip(*args: Any) -> Any:
    return codec.decode(codec.encode_event("/", None, ["a", *args]).attachments[0])[3][1:]


def test_dates_come_back() -> None:
    dates = [
        datetime(2024, 1, 2, 3, 4, 5, 678_000, UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, tzinfo=UTC),
    ]
    assert round_trip(*dates) == dates
    assert round_trip(datetime(2024, 1, 2, 3)) == ["2024-01-02T03:00:00"]


def test_the_timestamp_of_the_specification() -> None:
    timestamp = msgpack.Timestamp.from_unix(1_700_000_000)
    message = msgpack.packb({"type": 2, "data": ["a", timestamp, msgpack.ExtType(5, b"x")], "nsp": "/"})
    assert codec.decode(message)[3] == [
        "a",
        datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
        msgpack.ExtType(5, b"x"),
    ]


def test_what_msgpack_lacks() -> None:
    assert round_trip(
        UUID(int=1), 2**64, -(2**63) - 1, 10**400, "\ud800x\ud83d", {"\udc00": [("t", b"1")]}
    ) == [
        "00000000-0000-0000-0000-000000000001",
        2.0**64,
        float(-(2**63) - 1),
        float("inf"),
        "\ufffdx\ufffd",
        {"\ufffd": [["t", b"1"]]},
    ]


def test_what_cannot_be_serialized_is_named() -> None:
    with pytest.raises(TypeError, match="event 'news' in namespace '/': an object of type set can't be"):
        codec.encode_event("/", None, ["news", {1}])
    with pytest.raises(TypeError, match="ACK in namespace '/'"):
        codec.encode_ack("/", 1, [object()])
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(TypeError, match="event 'a' in namespace '/': recursion limit exceeded"):
        codec.encode_event("/", None, ["a", circle])
    with pytest.raises(TypeError, match="event 'a' in namespace '/'"):
        codec.encode_event("/", None, ["a", "\ud800", circle])
    assert codec.disconnect("/").attachments == (b"\x82\xa4type\x01\xa3nsp\xa1/",)  # it still works


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("2[]", "a text message of 3 characters: packets are msgpack here"),
        (b"", "not msgpack"),
        (b"\xc1", "not msgpack"),
        (b"\x82\xa4type\x02", "not msgpack"),
        (b"\xdd\xff\xff\xff\xff", "not msgpack"),
        (b"\x81\xa1a\xa2\xff\xff", "not msgpack"),
        (b"\x81\x90\x01", "not msgpack"),
        (b"\x81\xa1a\xd7\x00\x7f\xff\xff\xff\xff\xff\xff\xff", "not msgpack"),
        (b"\x01", "a packet must be a map: received int"),
        (b"\x90", "a packet must be a map: received list"),
        (b"\x80\xc0", "not msgpack"),
        (b"\x80" + b"\xc0" * 1000, "1000 bytes behind the end of a packet"),
        (b"\x91" * 1000, "not msgpack"),
        (b"\xdc\x03\xe8" * 1000, "not msgpack"),
    ],
)
def test_not_a_packet(message: str | bytes, words: str) -> None:
    with pytest.raises(SocketViolation, match=words):
        codec.decode(message)


@pytest.mark.parametrize(
    ("packet", "words"),
    [
        ({}, "unknown packet type None: expected 0 to 4"),
        ({"type": 5, "nsp": "/", "data": ["a"]}, "unknown packet type 5"),
        ({"type": True, "nsp": "/"}, "unknown packet type True"),
        ({"type": 2.0, "nsp": "/", "data": ["a"]}, "unknown packet type 2.0"),
        ({"type": 0}, "a namespace must be a string: received NoneType"),
        ({"type": 0, "nsp": b"/"}, "a namespace must be a string: received bytes"),
        ({"type": 0, "nsp": "/" * 257}, "a namespace of more than 256 characters"),
        ({"type": 0, "nsp": "/", "data": 1}, "the data of CONNECT must be an object"),
        ({"type": 1, "nsp": "/", "data": 1}, "a packet of type DISCONNECT has no data"),
        ({"type": 2, "nsp": "/"}, "the data of an event must be an array"),
        ({"type": 2, "nsp": "/", "data": ["connect"]}, "is reserved"),
        ({"type": 2, "nsp": "/", "data": [float("nan")]}, "the name of an event must be a string"),
        ({"type": 2, "nsp": "/", "data": ["n" * 257]}, "an event name of more than 256 characters"),
        (
            {"type": 2, "nsp": "/", "data": ["a"], "id": -1},
            "an ack id must be an integer of at most 16 digits",
        ),
        ({"type": 2, "nsp": "/", "data": ["a"], "id": 10**16}, "an ack id must be an integer"),
        ({"type": 2, "nsp": "/", "data": ["a"], "id": "1"}, "an ack id must be an integer"),
        ({"type": 2, "nsp": "/", "data": ["a"], "id": True}, "an ack id must be an integer"),
        ({"type": 3, "nsp": "/", "data": []}, "an acknowledgment without an id"),
        ({"type": 3, "nsp": "/", "id": 1}, "the data of ACK must be an array"),
    ],
)
def test_not_a_valid_packet(packet: dict[str, Any], words: str) -> None:
    with pytest.raises(SocketViolation, match=words):
        codec.decode(msgpack.packb(packet))


def deep(depth: int, filler: bytes = b"") -> bytes:
    data: Any = ["a", filler]
    for level in range(depth - 1):
        data = ["a", filler, data] if level % 2 or level == depth - 2 else {"k": data}
    return bytes(msgpack.packb({"type": 2, "data": data, "nsp": "/"}))


@pytest.mark.parametrize("filler", [b"", b"\x91" * 500])
def test_depth(filler: bytes) -> None:
    assert codec.decode(deep(128, filler))[0] is EVENT
    with pytest.raises(SocketViolation, match="data nested deeper than 128 levels"):
        codec.decode(deep(129, filler))
    small = MsgpackCodec(Limits(max_depth=3))
    assert small.decode(deep(3, filler))[0] is EVENT
    with pytest.raises(SocketViolation, match="data nested deeper than 3 levels"):
        small.decode(deep(4, filler))


def test_data_that_is_no_container_has_no_depth() -> None:
    message = msgpack.packb({"type": 1, "nsp": "/", "more": [[]] * 200})
    assert codec.decode(message) == (DISCONNECT, "/", None, None, 0)


def test_headers_that_lie_take_no_memory() -> None:
    # 1,000 arrays within each other, each of which announces 100,000 elements
    message = b"\xdd\x00\x01\x86\xa0" * 1000 + b"\xc0" * 95_000
    tracemalloc.start()
    with pytest.raises(SocketViolation, match="not msgpack"):
        codec.decode(message)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000, "800 MB without the first pass"


def test_the_first_pass_forgets_what_was_refused() -> None:
    good = codec.encode_event("/", None, ["a", "x" * 200]).attachments[0]
    for bad in (good[:-1], good + b"\xc0" * 10, b"\xc1" * 200, b"\x91" * 3000):
        with pytest.raises(SocketViolation):
            codec.decode(bad)
        assert codec.decode(good)[3] == ["a", "x" * 200]


def test_many_small_containers_take_no_long_time() -> None:
    message = msgpack.packb({"type": 2, "data": ["a", [[]] * 300_000], "nsp": "/"})
    start = time.process_time()
    codec.decode(message)
    assert time.process_time() - start < 30  # a fraction of a second; quadratic time would be many minutes


def test_many_small_extensions_beside_a_doubtful_one_take_no_long_time() -> None:
    buffer, undefined = b"\xc7\x08\x0012345678", b"\xd4\x00\x01"
    data = b"\x93\xa1a" + buffer + b"\xdd" + (300_000).to_bytes(4) + undefined * 300_000
    message = b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data" + data
    start = time.process_time()
    assert codec.decode(message)[3] == ["a", b"12345678", [None] * 300_000]
    assert time.process_time() - start < 30  # a fraction of a second; quadratic time would be many minutes
