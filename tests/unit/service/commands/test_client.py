from __future__ import annotations

import pytest

from rtserver.service.commands.client import _words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("chat", ["chat"]),
        ('chat "Hello, you" 1', ["chat", '"Hello, you"', "1"]),
        ('chat {"a": [1, 2]} [3, "] "]', ["chat", '{"a": [1, 2]}', '[3, "] "]']),
        (r'chat "a \" b" c', ["chat", r'"a \" b"', "c"]),
        ("chat  a\tb", ["chat", "a", "b"]),
        ('chat "open', ["chat", '"open']),
        ("chat ]]} x", ["chat", "]]}", "x"]),
    ],
)
def test_a_typed_line(line: str, words: list[str]) -> None:
    assert _words(line) == words
