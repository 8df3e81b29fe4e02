"""What the chat accepts from a client: one function for each field returns it clean or raises `Refused`."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "MAX_FILE_NAME",
    "MAX_FILE_SIZE",
    "MAX_NICK",
    "MAX_ROOM",
    "MAX_TEXT",
    "Attachment",
    "Refused",
    "attachment",
    "boolean",
    "fields",
    "identity_key",
    "message_id",
    "nick",
    "room_name",
    "sequence_number",
    "text",
]

MAX_NICK = 24
MAX_ROOM = 24
MAX_TEXT = 2_000
MAX_FILE_NAME = 120
# A polling client sends base64, 4/3 as long, and the server takes 1,000,000 bytes at most: this fits.
MAX_FILE_SIZE = 700_000

_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")
_MIME_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,62}/[a-z0-9][a-z0-9.+-]{0,62}")
_ZERO_WIDTH_JOINER = "\u200d"  # the one format character that names need: it builds emoji


class Refused(Exception):
    """A request that the chat turns down; the sentence is meant for the person at the other end.

    `field` names what was wrong, so that a form can mark it. `retry_after` (seconds) says that the same
    request may be sent again later.
    """

    def __init__(self, message: str, field: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.retry_after = retry_after


@dataclass(slots=True)
class Attachment:
    """A picture or file of a message; `data` is None once the server has let its bytes go."""

    name: str
    type: str
    size: int
    data: bytes | None


def fields(data: object) -> Mapping[str, Any]:
    """Take the one argument of an event, which has to be an object."""
    if not isinstance(data, dict):
        raise Refused(f"Expected an object, got {type(data).__name__}.")
    return data


def _is_visible(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] != "C" and category not in ("Zl", "Zp")


def _one_line(value: object, field: str, what: str, limit: int) -> str:
    if not isinstance(value, str):
        raise Refused(f"{what} has to be text.", field)
    if len(value) > 10 * limit:  # not worth normalizing
        raise Refused(f"{what} can have {limit} characters at most.", field)
    clean = " ".join(unicodedata.normalize("NFC", value).split())
    if not clean:
        raise Refused(f"{what} can't be empty.", field)
    if len(clean) > limit:
        raise Refused(f"{what} can have {limit} characters at most.", field)
    if not all(_is_visible(character) or character == _ZERO_WIDTH_JOINER for character in clean):
        raise Refused(f"{what} has a character that can't be shown.", field)
    return clean


def nick(value: object) -> str:
    """Return a nickname on one line, its spaces collapsed."""
    return _one_line(value, "nick", "A name", MAX_NICK)


def room_name(value: object) -> str:
    """Return a room's name in the form that identifies it: lower case, letters, digits and `-` only."""
    clean = (
        _one_line(value, "room", "A room's name", MAX_ROOM).lstrip("#").strip().casefold().replace(" ", "-")
    )
    if not clean or len(clean) > MAX_ROOM or not all(c.isalnum() or c in "-_" for c in clean):
        raise Refused("A room's name has letters, digits and dashes.", "room")
    return clean


def text(value: object, *, may_be_empty: bool = False) -> str:
    """Return a message's text, without control characters other than line ends and tabs."""
    if value is None and may_be_empty:
        return ""
    if not isinstance(value, str):
        raise Refused("A message has to be text.", "text")
    if len(value) > MAX_TEXT:
        raise Refused(
            f"A message can have {MAX_TEXT:,} characters at most; this one has {len(value):,}.", "text"
        )
    clean = "".join(c for c in value if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs")).strip()
    if not clean and not may_be_empty:
        raise Refused("A message can't be empty.", "text")
    return clean


def message_id(value: object) -> str:
    """Return the id that the client gave its message: it makes a repeated message harmless."""
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        raise Refused("A message needs an id of 1 to 64 letters, digits, '-' or '_'.", "id")
    return value


def identity_key(value: object) -> str:
    """Return the secret by which a person who reconnects is known again."""
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        raise Refused("The key has to be 16 to 64 letters, digits, '-' or '_'.", "key")
    return value


def boolean(value: object, field: str) -> bool:
    """Return a flag."""
    if not isinstance(value, bool):
        raise Refused(f"{field!r} has to be true or false.", field)
    return value


def sequence_number(value: object) -> int:
    """Return the number of the last message that a client has seen; 0 when it has seen none."""
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Refused("'since' has to be a number that is not negative.", "since")
    return value


def attachment(value: object) -> Attachment:
    """Return a picture or file; a MIME type that isn't one becomes `application/octet-stream`."""
    if not isinstance(value, dict):
        raise Refused("A file has to be an object with name, type and data.", "file")
    data = value.get("data")
    if not isinstance(data, bytes | bytearray):
        raise Refused("A file's data has to be binary.", "file")
    if not data:
        raise Refused("The file is empty.", "file")
    if len(data) > MAX_FILE_SIZE:
        raise Refused(
            f"A file can have {MAX_FILE_SIZE // 1000} kB at most; this one has {len(data) // 1000} kB.",
            "file",
        )
    name = value.get("name")
    if not isinstance(name, str):
        raise Refused("A file needs a name.", "file")
    name = re.split(r"[/\\]", name[-10 * MAX_FILE_NAME :])[-1]
    name = "".join(c for c in name if _is_visible(c)).strip(" .") or "file"
    if len(name) > MAX_FILE_NAME:  # keep the end: it has the extension
        name = name[-MAX_FILE_NAME:]
    mime_type = value.get("type")
    if not isinstance(mime_type, str) or not _MIME_TYPE.fullmatch(mime_type.lower()):
        mime_type = "application/octet-stream"
    return Attachment(name, mime_type.lower(), len(data), bytes(data))
