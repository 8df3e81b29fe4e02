"""RFC 6455, section by section, against the core: what a client sends, what comes of it.

Every case is given in one chunk, byte by byte, and in two chunks cut at each place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from rtserver.websocket import Connection, State
from tests.unit.websocket.wire import BINARY, CLOSE, FIN, PING, PONG, TEXT, close, frame, text

LIMIT = 70_000
CONTINUATION = 0


class Outcome(NamedTuple):
    messages: list[str | bytes]
    output: bytes
    state: State
    close_code: int | None


def run(chunks: Iterator[bytes] | list[bytes], limit: int = LIMIT) -> Outcome:
    connection = Connection(limit)
    messages: list[str | bytes] = []
    output = b""
    for chunk in chunks:
        messages += connection.receive(chunk)
        output += connection.take_output()
    return Outcome(messages, output, connection.state, connection.close_code)


def everywhere(wire: bytes) -> Iterator[list[bytes]]:
    yield [wire]
    if len(wire) < 400:
        yield [wire[i : i + 1] for i in range(len(wire))]
        for cut in range(1, len(wire)):
            yield [wire[:cut], wire[cut:]]
    else:
        yield [wire[i : i + 997] for i in range(0, len(wire), 997)]


def violates(wire: bytes, code: int, messages: list[str | bytes] | None = None, limit: int = LIMIT) -> None:
    """Assert that `wire` ends the connection with `code`, and that nothing behind it is looked at."""
    for chunks in everywhere(wire + text("never") + frame(FIN | PING, b"never")):
        outcome = run(chunks, limit)
        assert outcome.messages == (messages or [])
        assert (outcome.state, outcome.close_code) == (State.CLOSED, code)
        reply = outcome.output[outcome.output.index(b"\x88") :]
        assert reply[2:4] == code.to_bytes(2, "big")
        assert reply[1] == len(reply) - 2
        assert reply[4:].decode()  # says why


# 5.2, base framing: lengths


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 255, 256, 65535, 65536, 70_000])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_5_2_every_form_of_the_length(opcode: int, size: int) -> None:
    payload = b"*" * size
    message = payload.decode() if opcode == TEXT else payload
    for chunks in everywhere(frame(FIN | opcode, payload) * 2):
        assert run(chunks) == ([message, message], b"", State.OPEN, None)


@pytest.mark.parametrize("length", [1 << 63, (1 << 64) - 1])
def test_5_2_the_top_bit_of_a_64_bit_length_is_0(length: int) -> None:
    violates(frame(FIN | BINARY, b"", length=length), 1002)
    violates(frame(FIN | TEXT, b"", length=length), 1002)


# 5.2, reserved bits and opcodes


@pytest.mark.parametrize("bits", [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70])
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, PONG, CLOSE])
def test_5_2_reserved_bits_are_0(bits: int, opcode: int) -> None:
    violates(text("before") + frame(FIN | bits | opcode), 1002, ["before"])


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("fin", [FIN, 0])
def test_5_2_reserved_opcodes(opcode: int, fin: int) -> None:
    violates(frame(fin | opcode), 1002)
    violates(text("before") + frame(fin | opcode, b"payload"), 1002, ["before"])


# 5.1, masking


@pytest.mark.parametrize(
    "wire",
    [b"\x81\x00", b"\x81\x05Hello", b"\x82\x7e\x01\x00" + bytes(256), b"\x89\x00", b"\x88\x02\x03\xe8"],
)
def test_5_1_a_client_masks_every_frame(wire: bytes) -> None:
    violates(wire, 1002)
    violates(text("before") + wire, 1002, ["before"])


@pytest.mark.parametrize("mask", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x01\x02\x03\x04"])
def test_5_3_any_mask(mask: bytes) -> None:
    payload = bytes(range(256))
    for chunks in everywhere(frame(FIN | BINARY, payload, mask)):
        assert run(chunks).messages == [payload]


# 5.4, fragmentation


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize(
    "parts",
    [
        [b"a", b"b"],
        [b"", b""],
        [b"", b"x", b""],
        [b"one", b"two", b"three"],
        [b"x" * 100] * 5,
        [b"x" * 200, b"y"],
    ],
)
def test_5_4_fragments(opcode: int, parts: list[bytes]) -> None:
    firsts = [opcode] + [CONTINUATION] * (len(parts) - 2) + [FIN | CONTINUATION]
    whole = b"".join(parts)
    message = whole.decode() if opcode == TEXT else whole
    frames = [frame(first, part) for first, part in zip(firsts, parts, strict=True)]
    for chunks in everywhere(b"".join(frames) + text("next")):
        assert run(chunks) == ([message, "next"], b"", State.OPEN, None)

    with_pings = frame(FIN | PING, b"ping").join(frames)
    outcome = run([with_pings[i : i + 1] for i in range(len(with_pings))])
    assert outcome.messages == [message]
    assert outcome.output == b"\x8a\x04ping" * (len(parts) - 1)


@pytest.mark.parametrize(
    "wire",
    [
        frame(FIN | CONTINUATION, b"x"),
        frame(CONTINUATION, b"x"),
        frame(FIN | CONTINUATION),
        frame(TEXT, b"a") + frame(FIN | TEXT, b"b"),
        frame(TEXT, b"a") + frame(TEXT, b"b"),
        frame(BINARY, b"a") + frame(FIN | BINARY, b"b"),
        frame(TEXT, b"a") + frame(FIN | PONG) + frame(FIN | BINARY),
    ],
)
def test_5_4_a_frame_that_does_not_belong_there(wire: bytes) -> None:
    violates(wire, 1002)
    whole = frame(TEXT, b"a") + frame(FIN | CONTINUATION, b"b")
    violates(whole + wire, 1002, ["ab"])


# 5.5, control frames


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_5_5_control_frames_are_not_fragmented(opcode: int) -> None:
    violates(frame(opcode, b"\x03\xe8"), 1002)
    violates(frame(opcode), 1002)


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
@pytest.mark.parametrize("size", [126, 127, 65536])
def test_5_5_control_frames_have_at_most_125_bytes(opcode: int, size: int) -> None:
    violates(frame(FIN | opcode, b"\x03\xe8", length=size), 1002)


@pytest.mark.parametrize("payload", [b"", b"Hello", bytes(range(0x80, 0xFD)), b"x" * 125])
def test_5_5_2_a_ping_is_answered_with_its_payload(payload: bytes) -> None:
    for chunks in everywhere(frame(FIN | PING, payload)):
        assert run(chunks) == ([], b"\x8a" + bytes((len(payload),)) + payload, State.OPEN, None)


def test_5_5_3_many_pings_in_one_chunk_are_answered_with_the_latest() -> None:
    wire = b"".join(frame(FIN | PING, b"%d" % number) for number in range(10))
    assert run([wire]).output == b"\x8a\x019"
    assert run([wire[:7], wire[7:]]).output == b"\x8a\x010\x8a\x019"


def test_5_5_3_an_unsolicited_pong_is_no_error() -> None:
    for chunks in everywhere(frame(FIN | PONG, b"x") + frame(FIN | PONG) + text("next")):
        assert run(chunks) == (["next"], b"", State.OPEN, None)


# 5.6 and 8.1, text is UTF-8


@pytest.mark.parametrize(
    "message",
    [
        "κόσμε",
        "Hello-µ@ßöäüàá-UTF-8!!",
        "\x00",
        "\x7f\x80",
        "\u07ff\u0800",
        "\ud7ff\ue000",  # beside the surrogates
        "\ufdd0\ufffe\uffff",  # noncharacters are characters
        "\U00010000",
        "\U0001fffe\U0010fffe",
        "\U0010ffff",
        "\ufeff",
    ],
)
def test_8_1_text(message: str) -> None:
    wire = message.encode()
    for chunks in everywhere(text(message)):
        assert run(chunks) == ([message], b"", State.OPEN, None)
    for cut in range(len(wire) + 1):
        fragments = frame(TEXT, wire[:cut]) + frame(FIN | CONTINUATION, wire[cut:])
        for chunks in everywhere(fragments):
            assert run(chunks).messages == [message]


NOT_UTF_8 = {
    "a continuation byte alone": "80",
    "two of them": "80bf",
    "every one of them": bytes(range(0x80, 0xC0)).hex(),
    "a start of two bytes alone": "c3 20",
    "a start of three bytes alone": "e2 20",
    "a start of four bytes alone": "f0 20",
    "the last byte of two is missing": "c3",
    "the last byte of three is missing": "e282",
    "the last byte of four is missing": "f09f98",
    "impossible bytes": "fe",
    "impossible bytes, ff": "ff",
    "five bytes": "f888808080",
    "six bytes": "fc8480808080",
    "an overlong slash, two bytes": "c0af",
    "an overlong slash, three bytes": "e080af",
    "an overlong slash, four bytes": "f08080af",
    "the largest overlong form of two bytes": "c1bf",
    "the largest overlong form of three bytes": "e09fbf",
    "the largest overlong form of four bytes": "f08fbfbf",
    "an overlong zero": "c080",
    "a high surrogate": "eda080",
    "the last high surrogate": "edafbf",
    "a low surrogate": "edb080",
    "the last low surrogate": "edbfbf",
    "a pair of surrogates": "eda080edb080",
    "above U+10FFFF": "f4908080",
}


@pytest.mark.parametrize("wrong", NOT_UTF_8.values(), ids=NOT_UTF_8.keys())
def test_8_1_what_is_not_utf_8(wrong: str) -> None:
    payload = "κόσμε".encode() + bytes.fromhex(wrong)
    violates(text("before") + frame(FIN | TEXT, payload), 1007, ["before"])
    violates(frame(TEXT, payload) + frame(FIN | CONTINUATION), 1007)
    violates(frame(TEXT, payload[:-1]) + frame(FIN | CONTINUATION, payload[-1:]), 1007)
    violates(frame(FIN | TEXT, b"x" * 200 + payload), 1007)


@pytest.mark.parametrize(
    ("before", "wrong"), [("f4", "90"), ("ed", "a0"), ("e0", "80"), ("ceba", "ff"), ("f09f", "41")]
)
def test_8_1_it_fails_at_the_first_wrong_byte(before: str, wrong: str) -> None:
    for first, more in ((TEXT, 20), (FIN | TEXT, 1000)):
        payload = bytes.fromhex(before + wrong)
        wire = frame(first, payload, length=len(payload) + more)
        connection = Connection(LIMIT)
        connection.receive(wire[:-1])
        assert connection.state is State.OPEN
        connection.receive(wire[-1:])
        assert connection.close_code == 1007


def test_8_1_binary_may_be_anything() -> None:
    for chunks in everywhere(frame(FIN | BINARY, b"\xff\xc0\x80")):
        assert run(chunks).messages == [b"\xff\xc0\x80"]


# 5.5.1 and 7, closing


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 3999, 4000, 4999])
def test_7_4_a_valid_code_is_echoed(code: int) -> None:
    body = code.to_bytes(2, "big")
    for chunks in everywhere(text("before") + close(code) + text("never") + frame(FIN | PING)):
        assert run(chunks) == (["before"], b"\x88\x02" + body, State.CLOSED, code)


@pytest.mark.parametrize("code", [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
def test_7_4_a_code_that_may_not_be_sent(code: int) -> None:
    violates(close(code), 1002)
    violates(close(code, b"reason"), 1002)


def test_5_5_1_the_body_of_a_close_frame() -> None:
    for chunks in everywhere(close()):
        assert run(chunks) == ([], b"\x88\x00", State.CLOSED, 1005)
    violates(frame(FIN | CLOSE, b"\x03"), 1002)  # half of a code
    reason = "ä" * 61 + "x"
    for chunks in everywhere(close(1000, reason.encode())):
        assert run(chunks) == ([], b"\x88\x7d\x03\xe8" + reason.encode(), State.CLOSED, 1000)
    violates(close(1000, b"\xce\xba\xff"), 1007)
    violates(close(1000, b"\xe2\x82"), 1007)


def test_7_a_second_close_frame_is_not_looked_at() -> None:
    for chunks in everywhere(close(1000) + close(4000)):
        assert run(chunks) == ([], b"\x88\x02\x03\xe8", State.CLOSED, 1000)


def test_7_a_close_frame_within_a_fragmented_message() -> None:
    for chunks in everywhere(frame(TEXT, b"part") + close(1000) + frame(FIN | CONTINUATION, b"never")):
        assert run(chunks) == ([], b"\x88\x02\x03\xe8", State.CLOSED, 1000)


def test_7_1_our_close_frame_is_answered() -> None:
    for chunks in everywhere(text("late") + frame(BINARY, b"late") + close(1001)):
        connection = Connection(LIMIT)
        connection.close(1001)
        assert connection.take_output() == b"\x88\x02\x03\xe9"
        for chunk in chunks:
            assert connection.state is State.CLOSING
            assert connection.receive(chunk) == []
        assert (connection.state, connection.close_code) == (State.CLOSED, 1001)
        assert not connection.has_output


# 7.4.1 and 10.4, limits


@pytest.mark.parametrize("limit", [0, 10, 125, 126, 1000, 65535, 65536])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_10_4_a_message_over_the_limit(opcode: int, limit: int) -> None:
    fits = b"x" * limit
    message = fits.decode() if opcode == TEXT else fits
    assert run([frame(FIN | opcode, fits)], limit) == ([message], b"", State.OPEN, None)
    assert run([frame(opcode, fits) + frame(FIN | CONTINUATION)], limit).messages == [message]
    violates(frame(FIN | opcode, fits + b"x"), 1009, limit=limit)
    violates(frame(opcode, fits) + frame(FIN | CONTINUATION, b"x"), 1009, limit=limit)
    violates(
        frame(opcode, fits[: limit // 2]) + frame(CONTINUATION, fits[limit // 2 :] + b"x"), 1009, limit=limit
    )


def test_10_4_it_is_decided_before_a_byte_of_the_payload() -> None:
    connection = Connection(1000)
    connection.receive(frame(TEXT, b"x" * 600))
    connection.receive(frame(CONTINUATION, b"", length=401))
    assert connection.close_code == 1009
