from __future__ import annotations

import argparse
from typing import Any

import pytest

from rtserver.errors import StartError
from rtserver.service.commands.values import printed, read_json, read_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ('"1"', "1"),
        ("hello", "hello"),
        ('{"a": [1]}', {"a": [1]}),
        ("", ""),
        ("{", "{"),
        ("null", None),
    ],
)
def test_arguments_are_json_or_text(text: str, value: Any) -> None:
    assert read_value(text) == value


def test_an_option_has_to_be_json() -> None:
    assert read_json('{"token": "x"}') == {"token": "x"}
    with pytest.raises(argparse.ArgumentTypeError, match="received 'token', expected JSON"):
        read_json("token")


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (None, "null"),
        ("é", '"é"'),
        ([1, {"a": b"\x00\xff"}], '[1, {"a": "<2 bytes: 00 ff>"}]'),
        (b"x" * 17, '"<17 bytes: ' + " ".join(["78"] * 16) + ' …>"'),
    ],
)
def test_what_is_printed(value: Any, line: str) -> None:
    assert printed(value) == line


def test_what_can_t_be_printed() -> None:
    with pytest.raises(StartError, match="object can't be printed"):
        printed(object())
