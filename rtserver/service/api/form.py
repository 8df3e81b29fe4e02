"""JSON as the API reads and writes it: bytes are ``{"$bytes": "AQI="}``, as for plain clients."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

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
    lines = []
    for each in details:
        where = _where(each["loc"])
        if each["type"] == "missing":
            lines.append(f"{where} is missing")
        elif each["type"] == "extra_forbidden":
            lines.append(f"{where} isn't known")
        elif each["type"] == "value_error":
            lines.append(f"{where}: {each['ctx']['error']}")
        else:
            expected = each["msg"].removeprefix("Input should be ")
            lines.append(f"{where}: received {_shown(each['input'])}, expected {expected}")
    raise ApiError(422, "invalid_request", "; ".join(lines))


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
