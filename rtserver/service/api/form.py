"""JSON as the API reads and writes it: bytes are ``{"$bytes": "AQI="}``, as for plain clients."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rtserver.errors import ApiError, PlainViolation
from rtserver.plain.tagging import tag, untag
from rtserver.service.api.answers import Answer
from rtserver.socketio.json_text import dumps, is_too_deep, loads

__all__ = ["json_value", "read_object", "validated", "written"]

Model = TypeVar("Model", bound=BaseModel)

MAX_DEPTH: Final = 200
"""Arrays and objects within each other, in what comes and what goes: fewer than events may have."""
_SHOWN: Final = 80
"""Characters of a wrong value that an error shows."""
_MOST_ERRORS: Final = 5
_CHOICES: Final = frozenset({"all", "some", "emit", "join", "leave", "disconnect"})
"""Steps of pydantic's locations that name a choice rather than a field."""
_EXPECTED: Final = {
    "bool_type": "true or false",
    "float_type": "a number",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "{ge:g} at least",
    "int_type": "a whole number",
    "less_than_equal": "{le:g} at most",
    "list_type": "a list",
    "model_attributes_type": "an object",
    "model_type": "an object",
    "string_pattern_mismatch": "text of the form {pattern}",
    "string_too_long": "{max_length} characters at most",
    "string_too_short": "text that isn't empty",
    "string_type": "text",
    "string_unicode": "Unicode text",
    "too_long": "{max_length} items at most",
    "too_short": "a list that isn't empty",
}
"""What is expected instead, by pydantic's names of what is wrong."""


def read_object(body: bytes) -> dict[str, Any]:
    """Read the body of a request.

    Raises:
        ApiError: It isn't a JSON object.
    """
    if is_too_deep(body, MAX_DEPTH):
        raise ApiError(400, "invalid_json", f"received JSON nested deeper than {MAX_DEPTH} levels")
    try:
        value = loads(body.decode())
    except ValueError as error:
        raise ApiError(400, "invalid_json", f"expected a JSON object, received no JSON: {error}") from None
    if not isinstance(value, dict):
        raise ApiError(400, "invalid_json", f"received {_shown(value)}, expected a JSON object")
    try:
        untag(value)
    except PlainViolation as violation:
        raise ApiError(422, "invalid_request", violation.reason) from None
    return value


def validated(model: type[Model], value: dict[str, Any]) -> Model:
    """Make a request of what was received.

    Raises:
        ApiError: It isn't one; the message names everything that is wrong, up to a few things.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        details = error.errors(include_url=False)[:_MOST_ERRORS]
    raise ApiError(422, "invalid_request", "; ".join(map(_complaint, details)))


def written(answer: Answer) -> bytes:
    """Write an answer. Its values have been through `json_value` where they are an application's."""
    value = answer.model_dump()
    tag(value)
    return dumps(value, [])


def json_value(value: Any, depth: int = 0) -> Any:
    """Copy an application's value, with null in the place of what JSON has no form for; bytes stay."""
    if value is None or isinstance(value, (str, int, float, bytes)):
        return value
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    if depth == MAX_DEPTH:
        return None
    if isinstance(value, (list, tuple)):
        return [json_value(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {str(key): json_value(item, depth + 1) for key, item in value.items()}
    return None


def _complaint(error: ErrorDetails) -> str:
    """Write what is wrong with one thing."""
    where, received, context = _where(error["loc"]), error["input"], error.get("ctx", {})
    match error["type"]:
        case "missing":
            return f"{where} is missing"
        case "extra_forbidden":
            return f"{where} isn't known"
        case "value_error":
            return f"{where}: {context['error']}"
        case "union_tag_not_found":
            return f"{where}.command is missing"
        case "union_tag_invalid":
            where, received = f"{where}.command", received["command"]
            expected = f"one of {context['expected_tags']}"
        case kind:
            expected = _EXPECTED[kind].format(**context) if kind in _EXPECTED else error["msg"]
    return f"{where}: received {_shown(received)}, expected {expected}"


def _where(location: tuple[int | str, ...]) -> str:
    """Write where in a request something is: ``commands[1].to.rooms``."""
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step not in _CHOICES:
            path += f".{step}" if path else step
    return path or "the request"


def _shown(value: Any) -> str:
    text = dumps(json_value(value), []).decode()
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
