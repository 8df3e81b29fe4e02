"""The connection's protocol. A mask of zeros leaves the payloads readable."""

from __future__ import annotations

import tracemalloc

import pytest

from rtserver.websocket import CloseCode, Connection, DeflateParameters, State

OPEN, CLOSING, CLOSED = State.OPEN, State.CLOSING, State.CLOSED


@pytest.fixture
def connection() -> Connection:
    return Connection(1000)


def test_a_text_frame(connection: Connection) -> None:
    assert connection.receive(bytes.fromhex("8185 37fa213d 7f9f4d5158")) == ["Hello"]  # RFC 6455, 5.7
    assert connection.state is OPEN
    assert not connection.has_output


def test_several_frames_in_one_chunk_and_a_part_of_the_next(connection: Connection) -> None:
    assert connection.receive(
        b"\x81\x81\0\0\0\0a\x81\x80\0\0\0\0\x82\x82\0\0\0\0bb\x81\x83\0\0\0\0\xe2\x82\xac\x81"
    ) == ["a", "", b"bb", "€"]
    assert connection.receive(b"\x81\1\0\0\0`\x81") == ["a"]
    assert connection.receive(b"\x81\0\0\0\0z") == ["z"]
    assert connection.buffered == 0


def test_the_mask_goes_on_where_a_frame_was_cut(connection: Connection) -> None:
    wire = bytes.fromhex("828b 01020304") + bytes(
        b ^ (1, 2, 3, 4)[i % 4] for i, b in enumerate(b"Hello World")
    )
    for cut in range(1, len(wire)):
        assert connection.receive(wire[:cut]) == []
        assert connection.receive(wire[cut:]) == [b"Hello World"]


@pytest.mark.parametrize(
    ("header", "size"),
    [
        ("82 fd", 125),
        ("82 fe007e", 126),
        ("82 feffff", 65535),
        ("82 ff0000000000010000", 65536),
        ("82 fe0001", 1),  # RFC 6455, 5.2 asks for the minimal number of bytes of senders only
        ("82 ff0000000000000001", 1),
    ],
)
def test_lengths(header: str, size: int) -> None:
    connection = Connection(65536)
    wire = bytes.fromhex(header + "00000000") + b"x" * size
    assert connection.receive(wire) == [b"x" * size]
    assert connection.receive(wire[:-1]) == []
    assert connection.receive(wire[-1:]) == [b"x" * size]
    assert connection.receive(b"\x81" + wire[1:]) == ["x" * size]


def test_fragments_with_a_ping_between(connection: Connection) -> None:
    assert connection.receive(b"\x01\x83\0\0\0\0Hel") == []
    assert connection.receive(b"\x89\x81\0\0\0\0p") == []
    assert connection.take_output() == b"\x8a\x01p"
    assert connection.receive(b"\x80\x82\0\0\0\0lo\x81\x81\0\0\0\0!") == ["Hello", "!"]


def test_a_flood_of_pings_is_answered_with_the_latest(connection: Connection) -> None:
    connection.receive(b"\x89\x81\0\0\0\0a\x89\x81\0\0\0\0b\x81\x80\0\0\0\0\x89\x81\0\0\0\0c")
    assert connection.has_output
    assert connection.take_output() == b"\x8a\x01c"
    assert connection.take_output() == b""
    assert not connection.has_output


def test_a_ping_of_our_own(connection: Connection) -> None:
    connection.ping(b"17")
    assert connection.take_output() == b"\x89\x0217"
    assert connection.pong is None
    connection.receive(b"\x8a\x82\0\0\0\x0016\x8a\x82\0\0\0\x0017")
    assert connection.pong == b"17"
    assert connection.take_output() == b""
    with pytest.raises(ValueError, match="at most 125"):
        connection.ping(b"x" * 126)


def test_the_peer_closes(connection: Connection) -> None:
    assert connection.receive(b"\x81\x81\0\0\0\0a\x88\x85\0\0\0\0\x0f\xa1bye\x81\x81\0\0\0\0b") == ["a"]
    assert connection.state is CLOSED
    assert (connection.close_code, connection.close_reason) == (4001, "bye")
    assert connection.violation is None
    assert connection.take_output() == b"\x88\x05\x0f\xa1bye"
    assert connection.receive(b"\x81\x81\0\0\0\0c") == []
    assert connection.take_output() == b""


def test_the_peer_closes_without_a_code(connection: Connection) -> None:
    connection.receive(b"\x88\x80\0\0\0\0")
    assert (connection.state, connection.close_code) == (CLOSED, CloseCode.NO_STATUS)
    assert connection.take_output() == b"\x88\x00"


def test_a_ping_before_a_close_is_answered_before_it(connection: Connection) -> None:
    connection.receive(b"\x89\x81\0\0\0\0p\x88\x82\0\0\0\0\x03\xe8")
    assert connection.take_output() == b"\x8a\x01p\x88\x02\x03\xe8"


def test_we_close(connection: Connection) -> None:
    connection.close(1001, "restart")
    assert (connection.state, connection.close_code, connection.close_reason) == (CLOSING, 1001, "restart")
    assert connection.take_output() == b"\x88\x09\x03\xe9restart"
    connection.close(1000)
    connection.ping()
    assert connection.receive(b"\x81\x81\0\0\0\0a\x89\x81\0\0\0\0p") == []
    assert connection.take_output() == b""  # nothing follows a close frame
    assert connection.receive(b"\x88\x82\0\0\0\0\x03\xe9") == []
    assert (connection.state, connection.close_code, connection.close_reason) == (CLOSED, 1001, "")
    assert connection.take_output() == b""


def test_the_code_of_the_peer_wins_unless_it_has_none() -> None:
    for answer, code, reason in (
        (b"\x88\x83\0\0\0\0\x0f\xa0x", 4000, "x"),
        (b"\x88\x80\0\0\0\0", 1001, "restart"),
    ):
        connection = Connection(1000)
        connection.close(1001, "restart")
        connection.receive(answer)
        assert (connection.state, connection.close_code, connection.close_reason) == (CLOSED, code, reason)


def test_close_arguments(connection: Connection) -> None:
    with pytest.raises(ValueError, match="1006 is no close code"):
        connection.close(1006)
    with pytest.raises(ValueError, match="at most 123 bytes"):
        connection.close(1000, "x" * 124)
    assert connection.state is OPEN
    assert not connection.has_output


def test_end_of_stream() -> None:
    connection = Connection(1000)
    connection.receive(b"\x01\x81\0\0\0\0a")
    connection.receive_eof()
    assert (connection.state, connection.close_code, connection.buffered) == (CLOSED, 1006, 0)

    connection = Connection(1000)
    connection.close(1001, "restart")
    connection.receive_eof()
    assert (connection.state, connection.close_code, connection.close_reason) == (CLOSED, 1001, "restart")

    connection = Connection(1000)
    connection.receive(b"\x88\x82\0\0\0\0\x0f\xa0")
    connection.receive_eof()
    assert (connection.state, connection.close_code) == (CLOSED, 4000)


def test_a_violation_ends_everything_after_the_messages_before_it(connection: Connection) -> None:
    assert connection.receive(b"\x81\x81\0\0\0\0a\x83\x80\0\0\0\0\x81\x81\0\0\0\0b") == ["a"]
    assert connection.state is CLOSED
    assert connection.violation is not None
    assert (connection.violation.code, connection.violation.reason) == (1002, "opcode 0x3 is reserved")
    assert (connection.close_code, connection.close_reason) == (1002, "opcode 0x3 is reserved")
    assert connection.take_output() == b"\x88\x18\x03\xeaopcode 0x3 is reserved"
    assert connection.receive(b"\x81\x81\0\0\0\0b") == []
    connection.close()
    assert connection.take_output() == b""


def test_a_violation_after_our_close_frame_sends_no_second_one(connection: Connection) -> None:
    connection.close(1001)
    connection.take_output()
    connection.receive(b"\x83\x80\0\0\0\0")
    assert (connection.state, connection.close_code) == (CLOSED, 1001)
    assert connection.violation is not None
    assert connection.take_output() == b""


def test_wrong_text_is_found_before_its_frame_is_complete(connection: Connection) -> None:
    connection.receive(b"\x81\xfe\x01\x00\0\0\0\0abc\xe2\x82")
    assert connection.state is OPEN
    connection.receive(b"z")
    assert connection.close_code == 1007


def test_the_limit_is_applied_to_the_declared_length() -> None:
    for header in (b"\x82\xfe\x03\xe9", b"\x81\xff\0\0\0\0\0\0\x03\xe9", b"\x02\xff\x7f" + b"\xff" * 7):
        connection = Connection(1000)
        assert connection.receive(header + b"\0\0\0\0") == []
        assert connection.close_code == 1009
        assert connection.close_reason.endswith("is over the limit of 1000")


def test_the_limit_is_applied_to_short_frames_too() -> None:
    for limit in (0, 1, 10, 124):
        connection = Connection(limit)
        wire = b"\x81" + bytes((0x80 | limit,)) + b"\0\0\0\0" + b"x" * limit
        assert connection.receive(wire) == ["x" * limit]
        assert connection.receive(wire * 2) == ["x" * limit] * 2
        connection.receive(b"\x81" + bytes((0x80 | limit + 1,)) + b"\0\0\0\0" + b"x" * (limit + 1))
        assert connection.close_code == 1009, limit


def test_the_limit_is_applied_across_fragments(connection: Connection) -> None:
    connection.receive(b"\x02\xfe\x02\x58\0\0\0\0" + b"x" * 600)
    assert connection.buffered == 600
    connection.receive(b"\x80\xfe\x01\x91\0\0\0\0")
    assert connection.close_code == 1009
    assert connection.buffered == 0


def test_single_bytes_are_not_held_one_object_each() -> None:
    connection = Connection(200_000)
    connection.receive(b"\x82\xff\0\0\0\0\0\x03\x0d\x40\0\0\0\0")
    tracemalloc.start()
    try:
        for _ in range(100_000):
            connection.receive(b"x")
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert connection.buffered == 100_000
    assert used < 120_000


def test_a_connection_holds_little() -> None:
    connection = Connection(1_000_000, DeflateParameters())
    assert connection.__sizeof__() <= 128
    assert not hasattr(connection, "__dict__")


def test_whole_text_frames_become_what_the_decoder_makes_of_them() -> None:
    connection = Connection(100_000, decode=lambda payload: (len(payload), payload.decode()))
    short, middle, long = (
        b"\x81\x81\0\0\0\0",
        b"\x81\xfe\x01\0\0\0\0\0",
        b"\x81\xff" + bytes(5) + b"\x01\0\0" + bytes(4),
    )
    frames = [short + b"a", middle + b"b" * 256, long + b"c" * 65536]
    made = [(1, "a"), (256, "b" * 256), (65536, "c" * 65536)]
    for wire, message in zip(frames, made, strict=True):
        assert connection.receive(wire) == [message]
    assert connection.receive(b"".join(frames)) == made
    assert connection.receive(frames[0] * 2 + frames[1] * 2) == [made[0]] * 2 + [made[1]] * 2


def test_the_decoder_gets_neither_binary_messages_nor_parts() -> None:
    connection = Connection(1000, decode=lambda payload: pytest.fail("was called"))
    assert connection.receive(b"\x82\x81\0\0\0\0a\x82\xfe\0\x7e\0\0\0\0" + b"b" * 126) == [b"a", b"b" * 126]
    assert connection.receive(b"\1\x81\0\0\0\0a\x80\x81\0\0\0\0b") == ["ab"]
    assert connection.receive(b"\x81\xfe\0\x7e\0\0\0\0a") == []
    assert connection.receive(b"b" * 125) == ["a" + "b" * 125]


@pytest.mark.parametrize("payload", [b"\xff", b"\xff" + b"x" * 200], ids=["short", "long"])
def test_what_the_decoder_finds_wrong_is_1007(payload: bytes) -> None:
    size = bytes((0x80 | len(payload),)) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2)
    connection = Connection(1000)
    assert connection.receive(b"\x81" + size + bytes(4) + payload) == []
    assert (connection.state, connection.close_code) == (CLOSED, 1007)


def test_a_long_frame_at_the_limit_and_one_beyond_it() -> None:
    for size, messages, code in ((300, ["x" * 300], None), (301, [], 1009)):
        connection = Connection(300)
        assert connection.receive(b"\x81\xfe" + size.to_bytes(2) + bytes(4) + b"x" * size) == messages
        assert connection.close_code == code
