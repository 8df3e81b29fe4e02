from __future__ import annotations

import random
import threading
import tracemalloc
import zlib
from typing import Any

import pytest

from rtserver.errors import HandshakeError, WebSocketViolation
from rtserver.websocket.deflate import (
    DeflateOptions,
    DeflateParameters,
    Deflater,
    Inflater,
    compressed_limit,
    deflate_once,
    negotiate,
)

HELLO = bytes.fromhex("f248cdc9c90700")  # RFC 7692, 7.2.3.1
HELLO_AGAIN = bytes.fromhex("f200110000")  # RFC 7692, 7.2.3.2
TAKEOVER = DeflateParameters()
FRESH = DeflateParameters(server_no_context_takeover=True, client_no_context_takeover=True)


def inflate(inflater: Inflater, wire: bytes, room: int = 10_000) -> bytes:
    payload = inflater.inflate(wire, room)
    inflater.finish()
    return payload


# Negotiation


@pytest.mark.parametrize(
    ("offers", "options", "response"),
    [
        ("permessage-deflate", {}, "permessage-deflate"),
        ("permessage-deflate; client_max_window_bits", {}, "permessage-deflate"),  # browsers
        ("foo, permessage-deflate", {}, "permessage-deflate"),
        (
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            {},
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        ),
        (
            "permessage-deflate",
            {"server_no_context_takeover": True, "client_no_context_takeover": True},
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        ),
        (
            "permessage-deflate; server_max_window_bits=10",
            {},
            "permessage-deflate; server_max_window_bits=10",
        ),
        (
            "permessage-deflate; server_max_window_bits=15",
            {},
            "permessage-deflate; server_max_window_bits=15",
        ),
        (
            "permessage-deflate; server_max_window_bits=12",
            {"server_max_window_bits": 9},
            "permessage-deflate; server_max_window_bits=9",
        ),
        (
            "permessage-deflate",
            {"server_max_window_bits": 11},
            "permessage-deflate; server_max_window_bits=11",
        ),
        (
            'permessage-deflate; server_max_window_bits="8"',
            {},
            "permessage-deflate; server_max_window_bits=8",
        ),
        (
            "permessage-deflate; client_max_window_bits=9",
            {},
            "permessage-deflate; client_max_window_bits=9",
        ),
        (
            "permessage-deflate; client_max_window_bits",
            {"client_max_window_bits": 10},
            "permessage-deflate; client_max_window_bits=10",
        ),
        (
            "permessage-deflate; client_max_window_bits=12",
            {"client_max_window_bits": 10},
            "permessage-deflate; client_max_window_bits=10",
        ),
    ],
)
def test_what_is_agreed(offers: str, options: dict[str, Any], response: str) -> None:
    parameters = negotiate(offers, DeflateOptions(**options))
    assert parameters is not None
    assert parameters.response == response
    for name in ("server_no_context_takeover", "client_no_context_takeover"):
        assert getattr(parameters, name) == (name in response)
    for name in ("server_max_window_bits", "client_max_window_bits"):
        value = response.partition(f"{name}=")[2].partition(";")[0]
        assert getattr(parameters, name) == int(value or 15)


@pytest.mark.parametrize(
    "parameter",
    [
        "foo",
        "foo=1",
        "server_no_context_takeover=1",
        "client_no_context_takeover=true",
        "server_max_window_bits",
        "server_max_window_bits=7",
        "server_max_window_bits=16",
        "server_max_window_bits=08",
        "server_max_window_bits=+9",
        "server_max_window_bits=9; server_max_window_bits=9",
        "client_max_window_bits=7",
        "client_max_window_bits=16",
        "client_max_window_bits=09",
        "client_max_window_bits; client_max_window_bits",
        "server_no_context_takeover; server_no_context_takeover",
    ],
)
def test_an_offer_that_is_wrong_is_declined_and_the_next_one_tried(parameter: str) -> None:
    offer = f"permessage-deflate; {parameter}"
    assert negotiate(offer, DeflateOptions()) is None
    agreed = negotiate(f"{offer}, permessage-deflate; server_max_window_bits=9", DeflateOptions())
    assert agreed == DeflateParameters(server_max_window_bits=9)


def test_a_client_that_cannot_limit_its_window_is_served_uncompressed_where_it_is_limited() -> None:
    options = DeflateOptions(client_max_window_bits=12)
    assert negotiate("permessage-deflate", options) is None
    agreed = negotiate("permessage-deflate, permessage-deflate; client_max_window_bits", options)
    assert agreed == DeflateParameters(client_max_window_bits=12)


def test_other_extensions_are_no_offer() -> None:
    assert negotiate("", DeflateOptions()) is None
    assert negotiate("x-webkit-deflate-frame, Permessage-Deflate", DeflateOptions()) is None


def test_a_malformed_header_is_400() -> None:
    with pytest.raises(HandshakeError) as caught:
        negotiate("permessage-deflate; =", DeflateOptions())
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"server_max_window_bits": 7}, "server_max_window_bits is 7, expected 8 to 15"),
        ({"client_max_window_bits": 16}, "client_max_window_bits is 16, expected 8 to 15"),
        ({"level": 10}, "level is 10, expected 0 to 9"),
        ({"mem_level": 0}, "mem_level is 0, expected 1 to 9"),
        ({"threshold": -1}, "threshold is -1, expected 0 or more"),
    ],
)
def test_options_out_of_range(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DeflateOptions(**options)


# Inflating


def test_the_examples_of_rfc_7692_7_2_3() -> None:
    inflater = Inflater(TAKEOVER)
    assert inflate(inflater, HELLO) == b"Hello"
    assert inflate(inflater, HELLO_AGAIN) == b"Hello"
    assert (
        inflate(Inflater(TAKEOVER), bytes.fromhex("00 05 00 fa ff 48 65 6c 6c 6f 00")) == b"Hello"
    )  # 7.2.3.3
    inflater = Inflater(TAKEOVER)  # 7.2.3.4: a block with BFINAL, twice
    assert inflate(inflater, bytes.fromhex("f348cdc9c9070000")) == b"Hello"
    assert inflate(inflater, bytes.fromhex("f348cdc9c9070000")) == b"Hello"
    assert inflate(Inflater(TAKEOVER), bytes.fromhex("f248050000 00ffff cac9c90700")) == b"Hello"  # 7.2.3.5
    assert inflate(Inflater(TAKEOVER), b"\x00") == b""  # 7.2.3.6


def test_the_context_is_taken_over_only_as_agreed() -> None:
    inflater = Inflater(FRESH)
    assert inflate(inflater, HELLO) == b"Hello"
    with pytest.raises(WebSocketViolation, match="1007"):
        inflate(inflater, HELLO_AGAIN)


def test_a_stream_that_ends_without_an_empty_block_is_taken() -> None:
    inflater = Inflater(TAKEOVER)
    assert inflate(inflater, bytes.fromhex("f348cdc9c90700")) == b"Hello"  # as Z_FINISH leaves it
    assert inflate(inflater, HELLO) == b"Hello"


@pytest.mark.parametrize("parameters", [TAKEOVER, FRESH])
def test_any_chunks(parameters: DeflateParameters) -> None:
    wire = deflate_once(b"Hello, hello, Hello!" * 20)
    inflater = Inflater(parameters)
    for size in range(1, len(wire) + 1):
        parts = [inflater.inflate(wire[i : i + size], 400) for i in range(0, len(wire), size)]
        inflater.finish()
        assert b"".join(parts) == b"Hello, hello, Hello!" * 20


@pytest.mark.parametrize(
    "wire",
    [
        "ff",  # a reserved block type
        "00 05 00 fa fe",  # LEN and NLEN don't match
        "f3 48 cd c9 c9 07 00 ff",  # wrong after a final block
        "02 03 00",  # a distance before the start
    ],
)
def test_what_is_not_deflate_is_1007(wire: str) -> None:
    with pytest.raises(WebSocketViolation) as caught:
        inflate(Inflater(TAKEOVER), bytes.fromhex(wire))
    assert caught.value.code == 1007
    assert "the compressed message is not valid" in caught.value.reason


def test_a_message_that_ends_within_a_block_is_1007() -> None:
    wire = deflate_once(bytes(range(256)) * 4)
    for cut in range(1, len(wire) - 1):
        with pytest.raises(WebSocketViolation, match=r"1007 .* ends within a block"):
            inflate(Inflater(FRESH), wire[:cut])
    with pytest.raises(WebSocketViolation, match=r"1007 .* ends within a block"):
        inflate(Inflater(FRESH), bytes.fromhex("04 00"))  # the tail is taken for the codes of a dynamic block
    for stored in ("00 05 00 fa ff 48", "00 ff 00 00 ff 48 65 6c 6c 6f"):
        with pytest.raises(WebSocketViolation, match=r"1007 .* ends within a block"):
            inflate(Inflater(TAKEOVER), bytes.fromhex(stored))


def test_the_limit() -> None:
    wire = deflate_once(bytes(1000))
    assert inflate(Inflater(TAKEOVER), wire, 1000) == bytes(1000)
    with pytest.raises(WebSocketViolation, match=r"1009 .* more than the limit"):
        inflate(Inflater(TAKEOVER), wire, 999)
    with pytest.raises(WebSocketViolation, match="1009"):
        inflate(Inflater(TAKEOVER), wire, 0)


def test_a_bomb_is_not_inflated_beyond_the_limit() -> None:
    wire = deflate_once(bytes(50_000_000))
    inflater = Inflater(TAKEOVER)
    tracemalloc.start()
    try:
        with pytest.raises(WebSocketViolation, match="1009"):
            inflater.inflate(wire, 100_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 500_000


def test_final_blocks_are_counted() -> None:
    inflater = Inflater(TAKEOVER)
    assert inflate(inflater, bytes.fromhex("0300") * 64 + b"\x00") == b""
    assert inflate(inflater, bytes.fromhex("0300") * 64 + b"\x00") == b""
    with pytest.raises(WebSocketViolation, match=r"1007 .* too many final blocks"):
        inflate(inflater, bytes.fromhex("0300") * 65 + b"\x00")


def test_what_cannot_be_compressed_fits_the_limit_of_compressed_bytes() -> None:
    payload = random.Random(1).randbytes(100_000)
    for level in (0, 1, 6):
        for mem_level in (1, 8):
            for window_bits in (9, 15):
                assert len(deflate_once(payload, window_bits, level, mem_level)) <= compressed_limit(
                    len(payload)
                )


# Deflating


def test_the_tail_is_removed_and_the_history_kept() -> None:
    deflater = Deflater(TAKEOVER, DeflateOptions())
    assert deflater.compress(b"Hello") == HELLO
    assert deflater.compress(b"Hello") == HELLO_AGAIN


def test_without_context_takeover_every_message_stands_alone() -> None:
    deflater = Deflater(FRESH, DeflateOptions())
    assert deflater.compress(b"Hello") == HELLO
    assert deflater.compress(b"Hello") == HELLO
    assert deflate_once(b"Hello") == HELLO


def test_a_message_compressed_elsewhere_may_be_put_in_after_a_reset() -> None:
    deflater = Deflater(TAKEOVER, DeflateOptions())
    deflater.reset()
    wires = [deflater.compress(b"one two one two"), deflate_once(b"one three")]
    deflater.reset()
    wires += [deflater.compress(b"one two one two three"), deflater.compress(b"one two one two three")]
    inflater = Inflater(TAKEOVER)
    assert [inflate(inflater, wire) for wire in wires] == [
        b"one two one two",
        b"one three",
        b"one two one two three",
        b"one two one two three",
    ]
    assert wires[2] == deflate_once(b"one two one two three")
    assert len(wires[3]) < len(wires[2])


def test_the_threshold() -> None:
    deflater = Deflater(TAKEOVER, DeflateOptions(threshold=5))
    assert deflater.encode(1, b"Hell") == b"\x81\x04Hell"
    assert deflater.encode(1, b"Hello") == b"\xc1\x07" + HELLO
    assert deflater.encode(2, b"Hello") == b"\xc2\x05" + HELLO_AGAIN


@pytest.mark.parametrize("window_bits", range(8, 16))
@pytest.mark.parametrize("level", [1, 6, 9])
def test_no_distance_is_longer_than_the_window_that_was_agreed(window_bits: int, level: int) -> None:
    source = random.Random(window_bits)
    block = source.randbytes(min(1 << window_bits, 30_000) - 20)
    payload = b"".join(block + source.randbytes(source.randrange(400)) for _ in range(8)) + bytes(2000)
    wire = deflate_once(payload, window_bits, level) + b"\x00\x00\xff\xff"
    inflater = zlib.decompressobj(-window_bits)
    inflated = bytearray()
    while part := inflater.decompress(wire, 1):  # one byte of output at a time: zlib has but its window
        inflated += part
        wire = inflater.unconsumed_tail
    assert inflated == payload


def test_a_client_with_a_window_of_8_bits_may_use_9_as_zlib_does() -> None:
    compressor = zlib.compressobj(6, zlib.DEFLATED, -10)
    payload = random.Random(2).randbytes(300)  # so that the second message refers to what lies 300 bytes back
    inflater = Inflater(DeflateParameters(client_max_window_bits=8))
    for _ in range(2):
        wire = (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
        assert inflate(inflater, wire) == payload
    assert len(wire) < 20


def test_threads_do_not_share_compressors() -> None:
    results: list[bytes] = []

    def compress() -> None:
        results.extend(deflate_once(b"Hello" * 1000) for _ in range(300))

    threads = [threading.Thread(target=compress) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(results) == {deflate_once(b"Hello" * 1000)}
    assert len(results) == 1200
