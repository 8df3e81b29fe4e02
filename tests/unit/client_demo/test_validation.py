"""What the chat accepts and refuses, field by field."""

from typing import Any

import pytest

from client_demo import validation
from client_demo.validation import Refused

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Ada", "Ada"),
        ("  Ada \t Lovelace ", "Ada Lovelace"),
        ("e\u0301", "é"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("x" * 24, "x" * 24),
    ],
)
def test_nick_is_cleaned(given: str, expected: str) -> None:
    assert validation.nick(given) == expected


@pytest.mark.parametrize(
    "given",
    [
        None,
        7,
        [],
        "",
        "   ",
        "x" * 25,
        "x" * 100_000,
        "a\x00b",
        "a\u202eb",
        "a\ud800b",
        "a\u200bb",
    ],
)
def test_nick_is_refused(given: object) -> None:
    with pytest.raises(Refused) as refused:
        validation.nick(given)
    assert refused.value.field == "nick"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("lobby", "lobby"),
        ("#Lobby", "lobby"),
        (" Book Club ", "book-club"),
        ("straße", "strasse"),
        ("茶室", "茶室"),
    ],
)
def test_room_name_identifies_the_room(given: str, expected: str) -> None:
    assert validation.room_name(given) == expected


@pytest.mark.parametrize("given", [None, 1, "", "#", "a/b", "<b>", "x" * 25, "ß" * 24, "a:b"])
def test_room_name_is_refused(given: object) -> None:
    with pytest.raises(Refused) as refused:
        validation.room_name(given)
    assert refused.value.field == "room"


def test_text_keeps_lines_and_loses_control_characters() -> None:
    assert validation.text(" one\n\ttwo\x00\x1b\ud800 ") == "one\n\ttwo"
    assert validation.text("x" * 2_000) == "x" * 2_000
    assert validation.text(None, may_be_empty=True) == ""
    assert validation.text("  ", may_be_empty=True) == ""


@pytest.mark.parametrize("given", [None, 3, b"bytes", "", " \n", "\x00", "x" * 2_001])
def test_text_is_refused(given: object) -> None:
    with pytest.raises(Refused) as refused:
        validation.text(given)
    assert refused.value.field == "text"


@pytest.mark.parametrize("given", ["a", "A-Z_09", "x" * 64])
def test_message_id(given: str) -> None:
    assert validation.message_id(given) == given


@pytest.mark.parametrize("given", [None, 1, "", "a b", "a\n", "x" * 65, "é"])
def test_message_id_is_refused(given: object) -> None:
    with pytest.raises(Refused):
        validation.message_id(given)


@pytest.mark.parametrize("given", [None, 1, "", "short", "x" * 15, "x" * 65, "x" * 16 + "\n", {"key": 1}])
def test_identity_key_is_refused(given: object) -> None:
    with pytest.raises(Refused):
        validation.identity_key(given)


@pytest.mark.parametrize("given", [-1, True, "1", 1.5, []])
def test_sequence_number_is_refused(given: object) -> None:
    with pytest.raises(Refused):
        validation.sequence_number(given)


def test_fields_takes_objects_only() -> None:
    assert validation.fields({"a": 1}) == {"a": 1}
    others: list[object] = [None, [], "text", 1, b""]
    for other in others:
        with pytest.raises(Refused):
            validation.fields(other)


def test_attachment() -> None:
    file = validation.attachment({"name": "cat.png", "type": "image/png", "data": PNG})
    assert (file.name, file.type, file.size, file.data) == ("cat.png", "image/png", 8, PNG)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\photos\\cat.png", "cat.png"),
        ("..", "file"),
        ("a\x00\u202eb.png", "ab.png"),
        ("x" * 500 + ".png", "x" * 116 + ".png"),
    ],
)
def test_attachment_name_is_a_plain_file_name(given: str, expected: str) -> None:
    assert validation.attachment({"name": given, "type": "image/png", "data": PNG}).name == expected


@pytest.mark.parametrize("given", [None, 5, "", "png", "text/html; charset=utf-8", "a/b/c", "image/png\n"])
def test_attachment_type_that_is_none_becomes_octet_stream(given: object) -> None:
    file = validation.attachment({"name": "a", "type": given, "data": PNG})
    assert file.type == "application/octet-stream"


def test_attachment_size_limit() -> None:
    largest: dict[str, Any] = {"name": "a", "data": bytes(validation.MAX_FILE_SIZE)}
    assert validation.attachment(largest).size == 700_000
    with pytest.raises(Refused, match="700 kB at most"):
        validation.attachment({"name": "a", "data": bytes(validation.MAX_FILE_SIZE + 1)})


@pytest.mark.parametrize(
    "given",
    [
        "text",
        {},
        {"name": "a"},
        {"name": "a", "data": "text"},
        {"name": "a", "data": b""},
        {"name": 1, "data": PNG},
    ],
)
def test_attachment_is_refused(given: object) -> None:
    with pytest.raises(Refused) as refused:
        validation.attachment(given)
    assert refused.value.field == "file"
