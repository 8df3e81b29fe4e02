from __future__ import annotations

import zlib

import pytest

from rtserver.engineio.outgoing import Outgoing, Uncompressed


def test_text_alone() -> None:
    outgoing = Outgoing(b'42["a"]')
    assert outgoing.websocket == b'\x81\x0742["a"]'
    assert outgoing.polling == b'42["a"]'
    assert len(outgoing) == 7


def test_with_attachments() -> None:
    outgoing = Outgoing(b"4x", (b"\x01\x02\x03\x04", b""))
    assert outgoing.websocket == b"\x81\x024x\x82\x04\x01\x02\x03\x04\x82\x00"
    assert outgoing.polling == b"4x\x1ebAQIDBA==\x1eb"
    assert len(outgoing) == 6


def test_binary_alone() -> None:
    outgoing = Outgoing(b"", (b"\x01",))
    assert outgoing.websocket == b"\x82\x01\x01"
    assert outgoing.polling == b"bAQ=="
    assert outgoing.deflated(15, 1024) == b"\x82\x01\x01"


def test_each_form_is_made_once() -> None:
    outgoing = Outgoing(b"4" + b"x" * 2000, (b"y" * 2000,))
    assert outgoing.websocket is outgoing.websocket
    assert outgoing.polling is outgoing.polling
    assert outgoing.deflated(15, 1024) is outgoing.deflated(15, 1024)
    assert outgoing.deflated(15, 1024) is not outgoing.deflated(10, 1024)


def test_short_messages_are_not_compressed() -> None:
    outgoing = Outgoing(b"4" + b"x" * 98)
    assert outgoing.deflated(15, 100) is outgoing.websocket
    assert outgoing.deflated(15, 99) != outgoing.websocket


@pytest.mark.parametrize("window_bits", [8, 9, 15])
def test_compressed_frames(window_bits: int) -> None:
    text = b"4" + b"hello " * 50
    outgoing = Outgoing(text, (b"\x00" * 500, b"short"))
    frames = outgoing.deflated(window_bits, 100)
    # FIN, RSV1 and the opcode; the length; the stream without its tail (RFC 7692, 7.2.1)
    assert frames[0] == 0xC1
    size = frames[1]
    assert zlib.decompressobj(-15).decompress(frames[2 : 2 + size] + b"\x00\x00\xff\xff") == text
    rest = frames[2 + size :]
    assert rest[0] == 0xC2
    size = rest[1]
    assert zlib.decompressobj(-15).decompress(rest[2 : 2 + size] + b"\x00\x00\xff\xff") == b"\x00" * 500
    assert rest[2 + size :] == b"\x82\x05short"
    assert len(frames) < 100


def test_compressed_frames_need_nothing_of_those_before() -> None:
    one, two = Outgoing(b"4" + b"hello " * 50), Outgoing(b"4" + b"hello " * 50)
    assert one.deflated(15, 100) == two.deflated(15, 100)


def test_another_form_is_made_once() -> None:
    made = []

    def shout(outgoing: Outgoing) -> bytes:
        made.append(outgoing)
        return outgoing.text.upper()

    outgoing = Outgoing(b"4a")
    assert outgoing.form(shout) == b"4A"
    assert outgoing.form(shout) == b"4A"
    assert made == [outgoing]
    assert outgoing.form(len) == 2


def test_uncompressed() -> None:
    outgoing = Uncompressed(b"4" + b"x" * 2000)
    assert outgoing.deflated(15, 100) is outgoing.websocket
    assert outgoing.websocket == Outgoing(outgoing.text).websocket
    assert not outgoing.compress


def test_another_form_of_an_uncompressed_message_is_uncompressed() -> None:
    def double(outgoing: Outgoing) -> Outgoing:
        return Outgoing(outgoing.text * 2)

    outgoing = Uncompressed(b"4x")
    assert outgoing.form(double).text == b"4x4x"
    assert not outgoing.form(double).compress
    assert outgoing.form(double) is outgoing.form(double)
    assert outgoing.form(len) == 2
    assert Outgoing(b"4x").form(double).compress
