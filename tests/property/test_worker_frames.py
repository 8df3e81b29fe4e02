"""The stream between two workers: however it is cut, the same messages come out of it."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from rtserver.cluster.workers.frames import FrameParser, frame
from rtserver.errors import ClusterViolation

LIMIT = 300
bodies = st.lists(st.binary(max_size=LIMIT), max_size=8)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    return [data[begin:end] for begin, end in zip([0, *places], [*places, len(data)], strict=True)]


@given(bodies, st.lists(st.integers(0, 10_000), max_size=40))
def test_any_chunking_gives_the_same_messages(sent: list[bytes], cuts: list[int]) -> None:
    parser = FrameParser(LIMIT)
    stream = b"".join(map(frame, sent))
    assert [body for piece in pieces(stream, cuts) for body in parser.feed(piece)] == sent


@given(bodies)
def test_one_byte_at_a_time(sent: list[bytes]) -> None:
    parser = FrameParser(LIMIT)
    stream = b"".join(map(frame, sent))
    assert [body for byte in stream for body in parser.feed(bytes([byte]))] == sent


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_any_bytes_give_messages_within_the_limit_or_the_documented_error(chunks: list[bytes]) -> None:
    parser = FrameParser(LIMIT)
    with suppress(ClusterViolation):
        for chunk in chunks:
            assert all(len(body) <= LIMIT for body in parser.feed(chunk))
            assert sum(map(len, parser._held)) < LIMIT + 4
