from __future__ import annotations

import pytest

from rtserver.errors import WebSocketViolation
from rtserver.websocket.utf8 import check_utf8, invalid_utf8, truncated_utf8


def test_a_character_may_be_cut_anywhere() -> None:
    assert check_utf8(b"", b"abc") == b""
    assert check_utf8(b"", b"a\xf0") == b"\xf0"
    assert check_utf8(b"\xf0", b"\x9f") == b"\xf0\x9f"
    assert check_utf8(b"\xf0\x9f", b"\x98") == b"\xf0\x9f\x98"
    assert check_utf8(b"\xf0\x9f\x98", b"\x80z\xc3") == b"\xc3"
    assert check_utf8(b"\xc3", b"") == b"\xc3"


@pytest.mark.parametrize(
    ("before", "wrong"),
    [
        (b"", b"\x80"),  # a continuation byte first
        (b"", b"\xc0"),  # an overlong form of two bytes
        (b"", b"\xc1"),
        (b"", b"\xf5"),  # above U+10FFFF
        (b"", b"\xff"),
        (b"\xc3", b"a"),  # no continuation
        (b"\xe0", b"\x9f"),  # an overlong form of three bytes
        (b"\xed", b"\xa0"),  # a surrogate
        (b"\xf0", b"\x8f"),  # an overlong form of four bytes
        (b"\xf4", b"\x90"),  # above U+10FFFF
        (b"\xe2\x82", b"\xc2"),
        (b"\xf0\x9f\x98", b"a"),
    ],
)
def test_it_fails_at_the_first_wrong_byte(before: bytes, wrong: bytes) -> None:
    assert check_utf8(b"", before) == before
    with pytest.raises(WebSocketViolation) as caught:
        check_utf8(before, wrong)
    assert caught.value.code == 1007


def test_what_it_says() -> None:
    with pytest.raises(UnicodeDecodeError) as caught:
        b"ab\xffc".decode()
    assert str(invalid_utf8(caught.value)) == "1007 text is not UTF-8: byte 0xff, invalid start byte"
    assert str(truncated_utf8(b"\xe2\x82")) == "1007 text is not UTF-8: it ends within a character, 0xe282"
