from __future__ import annotations

import pytest

from rtserver.cluster.workers.frames import FrameParser, frame
from rtserver.errors import ClusterViolation


def test_a_frame_has_its_length_before_it() -> None:
    assert frame(b"{}") == b"\x00\x00\x00\x02{}"
    assert frame(b"x" * 0x12345)[:4] == b"\x00\x01\x23\x45"


def test_messages_come_whole_wherever_the_stream_is_cut() -> None:
    parser = FrameParser(100)
    assert parser.feed(b"\x00\x00\x00\x02{}\x00\x00\x00\x03[1]") == [b"{}", b"[1]"]
    assert parser.feed(b"\x00\x00") == []
    assert parser.feed(b"\x00\x02") == []
    assert parser.feed(b"{") == []
    assert parser.feed(b"}\x00") == [b"{}"]
    assert parser.feed(b"\x00\x00\x00\x00\x00\x00\x01") == [b""]
    assert parser.feed(b"a") == [b"a"]


def test_a_message_that_is_too_long_is_refused_before_it_has_come() -> None:
    assert FrameParser(3).feed(b"\x00\x00\x00\x03abc") == [b"abc"]
    with pytest.raises(ClusterViolation, match="a message of 4 bytes, expected 3 at most"):
        FrameParser(3).feed(b"\x00\x00\x00\x04")
