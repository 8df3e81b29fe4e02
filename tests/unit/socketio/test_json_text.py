from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any
from uuid import UUID

import pytest

from rtserver.socketio.json_text import dumps, is_too_deep, loads, module_dumps


def nested(depth: int, opening: str = "[", closing: str = "]") -> str:
    return opening * depth + closing * depth


@pytest.mark.parametrize("max_depth", [1, 2, 15, 16, 17, 40, 128])
def test_depth(max_depth: int) -> None:
    assert not is_too_deep(nested(max_depth), max_depth)
    assert is_too_deep(nested(max_depth + 1), max_depth)
    wide = f"[{','.join([nested(max_depth - 1)] * 50)}]"
    assert not is_too_deep(wide, max_depth)
    assert is_too_deep(f"[{wide}]", max_depth)
    objects = nested(max_depth + 1, '{"a":', "}").replace(":}", ":1}")
    assert is_too_deep(objects, max_depth)
    assert not is_too_deep(objects, max_depth + 1)


@pytest.mark.parametrize(
    "text",
    [
        '["' + "[" * 500 + '"]',
        '["\\"' + "[" * 500 + '"]',
        '["\\\\", "' + "{" * 500 + '"]',
        '["\\n\\"' + "[" * 500 + '\\\\\\""]',
        '[{"' + "[" * 500 + '":"]"}]',
        "[" + ",".join(['{"a":[1,{"b":"]"}]}'] * 300) + "]",
        "[" + "[]," * 500 + "[]]",
        '["é€😀' + "[" * 500 + '"]',
    ],
)
def test_brackets_in_strings_and_side_by_side_have_no_depth(text: str) -> None:
    json.loads(text)
    assert not is_too_deep(text, 5)


@pytest.mark.parametrize(
    "text",
    [
        '["\\\\",' + "[" * 6 + "]" * 6 + "]",
        '["a\\"b",' + "[" * 6 + "]" * 6 + "]",
        '["[",' + '{"[":' * 6 + "1" + "}" * 6 + "]",
        "[" + "[]," * 500 + "[[[[[[]]]]]]]",
    ],
)
def test_depth_beside_strings(text: str) -> None:
    json.loads(text)
    assert is_too_deep(text, 5)


def test_an_unbalanced_text_never_seems_flat() -> None:
    assert is_too_deep("[" * 200, 128)
    assert is_too_deep('{"a":' * 200, 128)
    assert is_too_deep("[" * 200 + '"', 128)


@pytest.mark.parametrize("unit", ["[]", "[[]]", '{"":""}', nested(126), '"\\\\"', "[" * 60 + "1" + "]" * 60])
def test_a_million_characters_take_no_long_time(unit: str) -> None:
    text = f"[{','.join([unit] * (1_000_000 // (len(unit) + 1)))}]"
    start = time.process_time()
    assert not is_too_deep(text, 128)
    assert time.process_time() - start < 30  # 0.03 on a fast machine; quadratic time would be many minutes


def test_loads() -> None:
    assert loads('{"a":[1,2.5,null,true,"ü"]}') == {"a": [1, 2.5, None, True, "ü"]}


def test_loads_lone_surrogates_as_javascript_writes_them() -> None:
    assert loads('["\\ud800x","\\udfff"]') == ["\ud800x", "\udfff"]
    assert loads('["\\ud83d\\ude00"]') == ["😀"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "[1,]",
        "nul",
        "NaN",
        "[NaN]",
        "[Infinity]",
        '["\\ud800", NaN]',
        '["\\ud800"',
        "'a'",
        "[1e999]",
    ],
)
def test_loads_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        loads(text)


def test_integers_beyond_64_bits_come_in_as_floats() -> None:
    assert loads("[18446744073709551615]") == [2**64 - 1]
    assert loads("[18446744073709551616]") == [2.0**64]


def encoded(value: Any) -> tuple[bytes, list[bytes]]:
    attachments: list[bytes] = []
    return dumps(value, attachments), attachments


def test_dumps_takes_bytes_out_in_order() -> None:
    assert encoded(["a", b"1", {"b": [bytearray(b"2"), {"c": memoryview(b"3")}]}]) == (
        b'["a",{"_placeholder":true,"num":0},'
        b'{"b":[{"_placeholder":true,"num":1},{"c":{"_placeholder":true,"num":2}}]}]',
        [b"1", b"2", b"3"],
    )


def test_dumps_beyond_orjson() -> None:
    assert encoded([2**64, -(2**70)]) == (b"[18446744073709551616,-1180591620717411303424]", [])
    assert encoded({1: "a", 2.5: "b", None: "c", False: "d"}) == (
        b'{"1":"a","2.5":"b","null":"c","false":"d"}',
        [],
    )
    assert encoded(["\ud800"]) == (b'["\\ud800"]', [])
    assert encoded([b"1", 2**64, b"2"]) == (
        b'[{"_placeholder":true,"num":0},18446744073709551616,{"_placeholder":true,"num":1}]',
        [b"1", b"2"],
    )


@dataclass
class Point:
    x: int


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize("extra", [[], [2**64], [b""]])
def test_dumps_what_orjson_knows(extra: list[Any]) -> None:
    values = [
        datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
        UUID(int=1),
        Colour.RED,
        Point(1),
        ("tuple",),
    ]
    text, _ = encoded(values + extra)
    assert json.loads(text)[:5] == [
        "2024-01-02T03:04:05+00:00",
        "00000000-0000-0000-0000-000000000001",
        "red",
        {"x": 1},
        ["tuple"],
    ]


@pytest.mark.parametrize("extra", [[], [2**64], [b""]])
def test_what_is_no_number_is_null_as_in_javascript(extra: list[Any]) -> None:
    text, _ = encoded([float("nan"), float("inf"), -float("inf"), *extra])
    assert text.startswith(b"[null,null,null")


@pytest.mark.parametrize("extra", [[], [2**64]])
def test_dumps_refuses(extra: list[Any]) -> None:
    with pytest.raises(TypeError, match="an object of type set can't be serialized"):
        encoded([{1}, *extra])
    with pytest.raises(TypeError, match="more than 254 arrays and objects within each other"):
        encoded([json.loads(nested(300)), *extra])
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(TypeError, match="more than 254 arrays and objects within each other"):
        encoded([circle, *extra])
    with pytest.raises(TypeError, match="keys must be"):
        encoded([{(1, 2): 3}, *extra])


class Module:
    """A JSON module with a type of its own."""

    def loads(self, text: str) -> Any:
        return json.loads(text)

    def dumps(self, value: Any, separators: tuple[str, str]) -> str:
        return json.dumps(value, separators=separators, default=sorted)


def test_another_module() -> None:
    attachments: list[bytes] = []
    assert module_dumps(Module(), ["a", {3, 1}, (b"x",), float("nan"), "ü"], attachments) == (
        b'["a",[1,3],[{"_placeholder":true,"num":0}],null,"\\u00fc"]'
    )
    assert attachments == [b"x"]


def test_another_module_may_return_bytes() -> None:
    import orjson  # noqa: PLC0415

    class Orjson(Module):
        def dumps(self, value: Any, separators: tuple[str, str]) -> Any:
            return orjson.dumps(value)

    assert module_dumps(Orjson(), [1], []) == b"[1]"
