from __future__ import annotations

import zlib

import pytest

from rtserver.errors import WebSocketViolation
from rtserver.websocket.deflate import DeflateParameters, Inflater
from rtserver.websocket.message import IncomingMessage, too_big

ZEROS = b"\0\0\0\0"


def test_parts_of_a_frame_and_of_a_message() -> None:
    message = IncomingMessage(True, None, 100)
    message.begin_frame(5, b"\x01\x02\x03\x04", False)
    message.feed(b"`")  # a ^ 1
    assert (message.missing, message.size) == (4, 1)
    message.feed(b"``")  # b ^ 2, c ^ 3
    message.feed(b"`d")  # d ^ 4, e ^ 1
    assert (message.missing, message.is_final) == (0, False)
    message.begin_frame(2, ZEROS, True)
    message.feed(b"fg")
    assert message.is_final
    assert message.finish() == "abcdefg"


def test_binary_and_empty() -> None:
    message = IncomingMessage(False, None, 0)
    message.begin_frame(0, ZEROS, True)
    message.feed(b"")
    assert message.finish() == b""


def test_text_ending_within_a_character() -> None:
    message = IncomingMessage(True, None, 100)
    message.begin_frame(2, ZEROS, True)
    message.feed(b"\xe2\x82")
    with pytest.raises(WebSocketViolation, match=r"1007 .* ends within a character, 0xe282"):
        message.finish()


def test_declared_sizes_add_up() -> None:
    message = IncomingMessage(False, None, 10)
    message.begin_frame(6, ZEROS, False)
    message.feed(b"x" * 6)
    with pytest.raises(
        WebSocketViolation, match="1009 a message of at least 11 bytes is over the limit of 10"
    ):
        message.begin_frame(5, ZEROS, True)
    assert too_big(11, 10).code == 1009


def test_long_parts_are_kept_and_short_ones_put_together() -> None:
    message = IncomingMessage(False, None, 10_000)
    sizes = [1, 2, 3000, 5, 1018, 1, 1, 2000]
    message.begin_frame(sum(sizes), ZEROS, True)
    for size in sizes:
        message.feed(bytes([size & 0xFF]) * size)
    assert message.size == sum(sizes)
    assert message.finish() == b"".join(bytes([size & 0xFF]) * size for size in sizes)


def test_compressed_text_is_checked_after_inflating() -> None:
    compressor = zlib.compressobj(wbits=-15)
    wire = (compressor.compress(b"ok \xff") + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
    message = IncomingMessage(True, Inflater(DeflateParameters()), 100)
    message.begin_frame(len(wire), ZEROS, True)
    with pytest.raises(WebSocketViolation, match="1007 text is not UTF-8: byte 0xff"):
        message.feed(wire)


def test_the_limit_after_inflating_counts_what_was_inflated_before() -> None:
    compressor = zlib.compressobj(wbits=-15)
    first = compressor.compress(b"x" * 60) + compressor.flush(zlib.Z_SYNC_FLUSH)
    second = compressor.compress(b"x" * 41) + compressor.flush(zlib.Z_SYNC_FLUSH)
    message = IncomingMessage(False, Inflater(DeflateParameters()), 100)
    message.begin_frame(len(first), ZEROS, False)
    message.feed(first)
    assert message.size == 60
    message.begin_frame(len(second), ZEROS, True)
    with pytest.raises(WebSocketViolation) as caught:
        message.feed(second)
    assert caught.value.code == 1009
