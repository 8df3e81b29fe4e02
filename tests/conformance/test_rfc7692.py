"""RFC 7692: permessage-deflate, from the offer to messages both ways, with all four parameters."""

from __future__ import annotations

import itertools
import random
import zlib
from typing import Any

import pytest

from rtserver.websocket import Connection, DeflateOptions, Deflater, Opcode, State, negotiate
from tests.unit.websocket.wire import BINARY, CLOSE, FIN, PING, PONG, RSV1, TEXT, frame

LIMIT = 200_000
HELLO = bytes.fromhex("f248cdc9c90700")
AGAIN = bytes.fromhex("f200110000")
CONTINUATION = 0
SIZES = [0, 1, 16, 125, 126, 1000, 8192, 65536, 131072]


class Client:
    """A client's two directions, made of zlib alone, for what the server's response says."""

    def __init__(self, response: str) -> None:
        parameters = dict(part.strip().partition("=")[::2] for part in response.split(";")[1:])
        self.fresh = "client_no_context_takeover" in parameters
        self.server_fresh = "server_no_context_takeover" in parameters
        self.bits = max(9, int(parameters.get("client_max_window_bits", 15)))
        self.server_bits = int(parameters.get("server_max_window_bits", 15))
        self.compressor = zlib.compressobj(wbits=-self.bits)
        self.decompressor = zlib.decompressobj(-self.server_bits)

    def compress(self, payload: bytes) -> bytes:
        if self.fresh:
            self.compressor = zlib.compressobj(wbits=-self.bits)
        return (self.compressor.compress(payload) + self.compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]

    def receive(self, encoded: bytes) -> bytes:
        size = {126: 4, 127: 10}.get(encoded[1], 2)
        payload = encoded[size:]
        if not encoded[0] & RSV1:
            return payload
        if self.server_fresh:
            self.decompressor = zlib.decompressobj(-self.server_bits)
        return self.decompressor.decompress(payload) + self.decompressor.decompress(b"\x00\x00\xff\xff")


def connect(offer: str = "permessage-deflate", limit: int = LIMIT, **options: Any) -> Connection:
    parameters = negotiate(offer, DeflateOptions(**options))
    assert parameters is not None
    return Connection(limit, parameters)


def documents(size: int) -> list[bytes]:
    """Return payloads of `size` bytes: repetitive, text-like, random, all in ASCII."""
    source = random.Random(size)
    words = " ".join(
        source.choice(("alpha", "beta", "gamma", '{"key":', "1234")) for _ in range(size // 4 + 1)
    )
    return [
        b"*" * size,
        words.encode()[:size],
        bytes(source.randrange(32, 127) for _ in range(size)),
    ]


# 7.1, all four parameters, in the offer and in the options


@pytest.mark.parametrize(
    "offer",
    [
        "; ".join(["permessage-deflate", *chosen])
        for chosen in itertools.product(
            ["client_max_window_bits", "client_max_window_bits=9"],
            ["server_max_window_bits=8", "server_max_window_bits=9", "server_max_window_bits=15"],
            ["client_no_context_takeover", "server_no_context_takeover"],
        )
    ]
    + ["permessage-deflate", "permessage-deflate; client_max_window_bits"],
)
@pytest.mark.parametrize(
    "options",
    [
        DeflateOptions(),
        DeflateOptions(server_no_context_takeover=True, client_no_context_takeover=True, threshold=0),
        DeflateOptions(server_max_window_bits=9, threshold=0, level=9, mem_level=1),
    ],
    ids=["default", "fresh", "small"],
)
def test_7_1_messages_both_ways(offer: str, options: DeflateOptions) -> None:
    parameters = negotiate(offer, options)
    assert parameters is not None
    client = Client(parameters.response)
    connection = Connection(LIMIT, parameters)
    deflater = Deflater(parameters, options)
    for size in (0, 1, 200, 20_000):
        for payload in documents(size) * 2:
            assert connection.receive(frame(FIN | RSV1 | TEXT, client.compress(payload))) == [
                payload.decode()
            ]
            assert connection.receive(frame(FIN | BINARY, payload)) == [payload]
            assert client.receive(deflater.encode(Opcode.TEXT, payload)) == payload
    assert connection.state is State.OPEN


@pytest.mark.parametrize("size", SIZES)
def test_sizes(size: int) -> None:
    client = Client("permessage-deflate")
    connection = connect()
    for payload in documents(size):
        wire = frame(FIN | RSV1 | BINARY, client.compress(payload))
        assert connection.receive(wire) == [payload]
        wire = frame(FIN | RSV1 | BINARY, client.compress(payload))
        cut = [wire[i : i + 1000] for i in range(0, len(wire), 1000)]
        assert [message for chunk in cut for message in connection.receive(chunk)] == [payload]


# 6, the bit


def test_6_the_first_frame_carries_the_bit() -> None:
    connection = connect()
    for cut in range(len(HELLO) + 1):
        wire = (
            frame(RSV1 | TEXT, HELLO[:cut]) + frame(FIN | PING, b"p") + frame(FIN | CONTINUATION, HELLO[cut:])
        )
        connection = connect()
        assert connection.receive(wire) == ["Hello"]
        assert connection.take_output() == b"\x8a\x01p"
        connection = connect()
        assert [m for byte in wire for m in connection.receive(bytes((byte,)))] == ["Hello"]


@pytest.mark.parametrize(
    "wire",
    [
        frame(RSV1 | TEXT, HELLO) + frame(FIN | RSV1 | CONTINUATION),
        frame(TEXT, b"x") + frame(FIN | RSV1 | CONTINUATION),
        frame(FIN | RSV1 | PING),
        frame(FIN | RSV1 | PONG),
        frame(FIN | RSV1 | CLOSE, b"\x03\xe8"),
        frame(FIN | 0x20 | TEXT),
        frame(FIN | 0x10 | TEXT),
        frame(FIN | RSV1 | 0x20 | TEXT),
    ],
)
def test_6_1_anywhere_else_it_is_a_violation(wire: bytes) -> None:
    connection = connect()
    assert connection.receive(wire) == []
    assert connection.close_code == 1002


def test_6_without_negotiation_it_is_a_violation() -> None:
    connection = Connection(LIMIT)
    assert connection.receive(frame(FIN | RSV1 | TEXT, HELLO)) == []
    assert connection.close_code == 1002


def test_6_messages_without_the_bit_are_not_compressed_and_leave_the_context_alone() -> None:
    connection = connect()
    assert connection.receive(
        frame(FIN | RSV1 | TEXT, HELLO)
        + frame(FIN | TEXT, HELLO[:0] + b"plain")
        + frame(FIN | RSV1 | TEXT, AGAIN)
    ) == ["Hello", "plain", "Hello"]


# 7.2.2, what arrives


def test_7_2_3_the_examples() -> None:
    connection = connect()
    for wire in (
        HELLO,
        AGAIN,
        bytes.fromhex("000500faff48656c6c6f00"),
        bytes.fromhex("f248050000 00ffff cac9c90700"),
        bytes.fromhex("f348cdc9c9070000"),
        bytes.fromhex("f348cdc9c9070000"),
    ):
        assert connection.receive(frame(FIN | RSV1 | TEXT, wire)) == ["Hello"]
    assert connection.receive(frame(FIN | RSV1 | TEXT, b"\x00")) == [""]
    assert connection.receive(frame(FIN | RSV1 | TEXT)) == [""]
    assert connection.receive(frame(FIN | RSV1 | BINARY, HELLO)) == [b"Hello"]


def test_7_1_1_2_a_client_that_agreed_to_start_anew_may_not_look_back() -> None:
    connection = connect("permessage-deflate; client_no_context_takeover")
    assert connection.receive(frame(FIN | RSV1 | TEXT, HELLO)) == ["Hello"]
    assert connection.receive(frame(FIN | RSV1 | TEXT, AGAIN)) == []
    assert connection.close_code == 1007


@pytest.mark.parametrize("wire", [b"\xff\xff", b"Hello", HELLO[:3] + b"\xff" + HELLO[4:], b"\x06"])
def test_what_cannot_be_inflated_is_1007(wire: bytes) -> None:
    for chunks in ([frame(FIN | RSV1 | TEXT, wire)], [bytes((b,)) for b in frame(FIN | RSV1 | TEXT, wire)]):
        connection = connect("permessage-deflate; client_no_context_takeover")
        for chunk in chunks:
            assert connection.receive(chunk) == []
        assert connection.close_code == 1007
        assert connection.state is State.CLOSED


def test_text_is_checked_after_inflating_as_it_arrives() -> None:
    client = Client("permessage-deflate")
    half = client.compressor.compress(b"ok \xe2\x82z") + client.compressor.flush(zlib.Z_SYNC_FLUSH)
    connection = connect()
    connection.receive(frame(RSV1 | TEXT, half, length=len(half) + 100))
    assert connection.close_code == 1007


def test_a_character_may_be_cut_by_a_fragment() -> None:
    client = Client("permessage-deflate")
    payload = "€".encode()
    first = client.compressor.compress(payload[:1]) + client.compressor.flush(zlib.Z_SYNC_FLUSH)
    connection = connect()
    assert connection.receive(frame(RSV1 | TEXT, first)) == []
    assert connection.receive(frame(FIN, client.compress(payload[1:]))) == ["€"]


# Limits


@pytest.mark.parametrize("cut", [1, 50, 10_000])
def test_the_limit_holds_after_inflating(cut: int) -> None:
    client = Client("permessage-deflate")
    fits = frame(FIN | RSV1 | BINARY, client.compress(bytes(1000)))
    bomb = frame(FIN | RSV1 | BINARY, client.compress(bytes(1001)))
    connection = connect(limit=1000)
    assert connection.receive(fits) == [bytes(1000)]
    for start in range(0, len(bomb), cut):
        assert connection.receive(bomb[start : start + cut]) == []
    assert connection.close_code == 1009


def test_the_limit_holds_across_fragments() -> None:
    client = Client("permessage-deflate")
    first = client.compressor.compress(bytes(600)) + client.compressor.flush(zlib.Z_SYNC_FLUSH)
    connection = connect(limit=1000)
    assert connection.receive(frame(RSV1 | BINARY, first)) == []
    assert connection.buffered == 600
    assert connection.receive(frame(FIN, client.compress(bytes(401)))) == []
    assert connection.close_code == 1009


def test_the_limit_holds_for_the_declared_length_of_what_is_compressed() -> None:
    connection = connect(limit=1000)
    assert connection.receive(frame(FIN | RSV1 | BINARY, length=1000 + 125 + 64)) == []
    assert connection.state is State.OPEN
    connection = connect(limit=1000)
    assert connection.receive(frame(FIN | RSV1 | BINARY, length=1000 + 125 + 65)) == []
    assert connection.close_code == 1009


def test_an_incompressible_message_of_the_largest_size_passes() -> None:
    client = Client("permessage-deflate")
    payload = random.Random(1).randbytes(100_000)
    wire = client.compress(payload)
    assert len(wire) > len(payload)
    assert connect(limit=100_000).receive(frame(FIN | RSV1 | BINARY, wire)) == [payload]


def test_empty_blocks_are_counted_too() -> None:
    connection = connect(limit=1000)
    connection.receive(frame(RSV1 | BINARY, b"\x00\x00\x00\xff\xff" * 200))
    assert connection.state is State.OPEN
    connection.receive(frame(0, b"\x00\x00\x00\xff\xff" * 200))
    assert connection.close_code == 1009
