"""RFC 6455 and RFC 7692, for any input."""

from __future__ import annotations

import zlib
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from rtserver.errors import HandshakeError, WebSocketViolation
from rtserver.websocket import (
    Connection,
    DeflateOptions,
    DeflateParameters,
    Deflater,
    Inflater,
    State,
    apply_mask,
    encode_binary,
    encode_text,
    negotiate,
)
from rtserver.websocket.extensions import parse_extensions
from rtserver.websocket.frames import is_valid_close_code
from rtserver.websocket.masking import xor_mask
from rtserver.websocket.utf8 import check_utf8
from tests.unit.websocket.wire import BINARY, CLOSE, FIN, PING, PONG, RSV1, TEXT, frame

LIMIT = 2000
masks = st.binary(min_size=4, max_size=4)
payloads = st.one_of(
    st.text(max_size=60),
    st.binary(max_size=60),
    st.text(min_size=120, max_size=300),
    st.binary(min_size=120, max_size=300),
    st.builds(lambda n: "é" * n, st.sampled_from((62, 63, 64, 700))),
)
parameters = st.builds(
    DeflateParameters, st.booleans(), st.booleans(), st.integers(8, 15), st.integers(8, 15)
)


@st.composite
def fragments(draw: st.DrawFn, payload: str | bytes, first: int = 0) -> bytes:
    """Draw frames that carry `payload`, with control frames between them."""
    data = payload.encode() if isinstance(payload, str) else payload
    first |= TEXT if isinstance(payload, str) else BINARY
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=3)))
    wire = b""
    parts = [data[begin:end] for begin, end in pairwise([0, *cuts, len(data)])]
    for number, part in enumerate(parts):
        wire += frame((FIN if number == len(parts) - 1 else 0) | first, part, draw(masks))
        first = 0
        if draw(st.integers(0, 5)) == 0:
            wire += frame(
                FIN | draw(st.sampled_from((PING, PONG))), draw(st.binary(max_size=20)), draw(masks)
            )
    return wire


@st.composite
def chunks(draw: st.DrawFn, wire: bytes) -> list[bytes]:
    if draw(st.integers(0, 3)) == 0:
        size = draw(st.integers(1, 8))
        return [wire[i : i + size] for i in range(0, len(wire), size)]
    cuts = sorted(draw(st.lists(st.integers(0, len(wire)), max_size=12)))
    return [wire[begin:end] for begin, end in pairwise([0, *cuts, len(wire)])]


@given(st.data(), st.lists(payloads, max_size=6))
def test_any_chunks_give_the_same_messages(data: st.DataObject, messages: list[str | bytes]) -> None:
    wire = b"".join(data.draw(fragments(message)) for message in messages)
    connection = Connection(LIMIT)
    received = [message for chunk in data.draw(chunks(wire)) for message in connection.receive(chunk)]
    assert received == messages
    assert connection.state is State.OPEN
    assert connection.buffered == 0


@given(st.data(), st.lists(payloads, max_size=5), parameters, st.integers(0, 9))
def test_any_chunks_of_compressed_messages(
    data: st.DataObject, messages: list[str | bytes], agreed: DeflateParameters, level: int
) -> None:
    compressor: zlib._Compress | None = None
    wire = b""
    for message in messages:
        payload = message.encode() if isinstance(message, str) else message
        if compressor is None or agreed.client_no_context_takeover:
            compressor = zlib.compressobj(level, wbits=-max(9, agreed.client_max_window_bits))
        if data.draw(st.booleans()):
            payload = (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
            as_sent = data.draw(fragments(payload, RSV1))
            opcode = TEXT if isinstance(message, str) else BINARY
            wire += bytes((as_sent[0] & 0xF0 | opcode,)) + as_sent[1:]
        else:
            wire += data.draw(fragments(message))
    connection = Connection(LIMIT, agreed)
    received = [message for chunk in data.draw(chunks(wire)) for message in connection.receive(chunk)]
    assert received == messages
    assert connection.state is State.OPEN


def outcome(
    wire: list[bytes], agreed: DeflateParameters | None
) -> tuple[list[str | bytes], State, int | None]:
    connection = Connection(LIMIT, agreed)
    messages: list[str | bytes] = []
    for chunk in wire:
        messages += connection.receive(chunk)
        assert connection.buffered <= LIMIT + 131
        if connection.state is State.OPEN:
            assert connection.close_code is None
        else:
            assert connection.state is State.CLOSED
            assert connection.buffered == 0
            assert connection.has_output
            if connection.violation is not None:
                assert connection.violation.code in (1002, 1007, 1009)
                assert connection.close_code == connection.violation.code
                assert len(connection.violation.reason.encode()) <= 123
    assert all(
        len(message if isinstance(message, bytes) else message.encode()) <= LIMIT for message in messages
    )
    return messages, connection.state, connection.close_code


wild_frames = st.builds(
    frame,
    st.one_of(
        st.integers(0, 255),
        st.sampled_from((FIN | TEXT, TEXT, FIN, 0, FIN | RSV1 | TEXT, FIN | PING, FIN | CLOSE)),
    ),
    st.one_of(st.binary(max_size=20), st.binary(min_size=124, max_size=130)),
    masks,
    length=st.one_of(st.none(), st.integers(0, 200), st.sampled_from((65535, 65536, 1 << 63, (1 << 64) - 1))),
)
wild = st.lists(st.one_of(wild_frames, st.binary(max_size=30)), max_size=8).map(b"".join)


@given(st.data(), wild)
@example(None, b"")
def test_any_bytes_give_a_result_or_a_close_code(data: st.DataObject | None, wire: bytes) -> None:
    once = outcome([wire], None)
    if data is not None:
        assert outcome(data.draw(chunks(wire)), None) == once


@given(st.data(), wild, parameters)
def test_any_bytes_with_compression_give_a_result_or_a_close_code(
    data: st.DataObject, wire: bytes, agreed: DeflateParameters
) -> None:
    messages, state, _ = outcome([wire], agreed)
    # a message that is wrong in two ways may be found out by the other one
    assert outcome(data.draw(chunks(wire)), agreed)[:2] == (messages, state)


@given(wild, wild)
def test_any_bytes_after_our_close_frame(before: bytes, after: bytes) -> None:
    connection = Connection(LIMIT)
    connection.receive(before)
    connection.take_output()
    was_open = connection.state is State.OPEN
    connection.close(1001)
    assert (connection.take_output() == b"\x88\x02\x03\xe9") is was_open
    assert connection.receive(after) == []
    assert connection.take_output() == b""
    connection.receive_eof()
    assert connection.state is State.CLOSED
    assert connection.close_code is not None


@given(st.binary(max_size=300), masks)
def test_frames_of_the_server_are_frames_of_a_client_but_for_the_mask(payload: bytes, mask: bytes) -> None:
    for encoded, first in ((encode_text(payload), FIN | TEXT), (encode_binary(payload), FIN | BINARY)):
        sent = frame(first, payload, mask)
        header = len(encoded) - len(payload)
        assert encoded[0] == sent[0]
        assert encoded[1] | 0x80 == sent[1]
        assert encoded[2:header] == sent[2:header]
        assert encoded[header:] == apply_mask(sent[header + 4 :], mask)


@given(st.binary(max_size=300), masks)
def test_masking(data: bytes, mask: bytes) -> None:
    assert apply_mask(data, mask) == xor_mask(data, mask)
    assert apply_mask(apply_mask(data, mask), mask) == data


@given(st.one_of(st.binary(max_size=12), st.text(max_size=12).map(str.encode)), st.integers(0, 12))
def test_text_fails_exactly_at_the_first_byte_that_nothing_can_follow(data: bytes, noise: int) -> None:
    data = data[:noise] + b"\xed\xa0"[: noise % 3] + data[noise:]
    unfinished = b""
    taken = 0
    code = 1000
    try:
        for taken in range(len(data)):
            unfinished = check_utf8(unfinished, data[taken : taken + 1])
        taken = len(data)
    except WebSocketViolation as violation:
        code = violation.code
    assert code == (1000 if taken == len(data) else 1007)
    assert can_become_text(data[:taken])
    assert taken == len(data) or not can_become_text(data[: taken + 1])


def can_become_text(data: bytes) -> bool:
    """Tell it from the definition: some continuation of at most three bytes makes it decode."""
    for end in (b"", b"\x80", b"\xbf", b"\x80\x80", b"\xbf\xbf", b"\x80\x80\x80", b"\xbf\xbf\xbf"):
        try:
            (data + end).decode()
        except UnicodeDecodeError:
            continue
        return True
    return False


@given(st.integers(-10, 70000))
def test_a_close_code_that_is_valid_is_echoed(code: int) -> None:
    connection = Connection(LIMIT)
    connection.receive(frame(FIN | CLOSE, (code & 0xFFFF).to_bytes(2, "big")))
    valid = is_valid_close_code(code & 0xFFFF)
    assert connection.close_code == (code & 0xFFFF if valid else 1002)


@given(st.lists(st.binary(max_size=300), max_size=6), parameters, st.integers(0, 9), st.integers(1, 9))
def test_what_is_deflated_inflates(
    messages: list[bytes], agreed: DeflateParameters, level: int, mem_level: int
) -> None:
    deflater = Deflater(agreed, DeflateOptions(level=level, mem_level=mem_level))
    client = DeflateParameters(client_no_context_takeover=agreed.server_no_context_takeover)
    inflater = Inflater(client)
    for number, message in enumerate(messages):
        if number == 3:
            deflater.reset()
        assert inflater.inflate(deflater.compress(message), len(message)) == message
        inflater.finish()


@given(st.one_of(st.text(max_size=60), st.text(alphabet='permsag-dflt; =,"\\x8019\t', max_size=60)))
def test_any_extension_header_is_parsed_or_refused(header: str) -> None:
    for text in (header, f"permessage-deflate; {header}"):
        try:
            extensions = parse_extensions(text)
            agreed = negotiate(text, DeflateOptions())
        except HandshakeError as error:
            status = error.status
        else:
            status = 101
            assert agreed is None or any(name == "permessage-deflate" for name, _ in extensions)
        assert status in (101, 400)
